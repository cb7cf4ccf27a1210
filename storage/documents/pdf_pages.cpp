#include "storage/documents/pdf_pages.h"

#include <exception>

#define POINTERHOLDER_TRANSITION 4  // std::shared_ptr, as qpdf has it from 11 on
#include <qpdf/QPDF.hh>

namespace chuyi {

Error unreadable_pdf() {
  return Error{.kind = ErrorKind::invalid,
               .code = "document.pdf",
               .message = "Expected a PDF that is not encrypted and whose pages can be counted",
               .message_zh = "无法读取该PDF的页数，请重新导出（不加密）后上传"};
}

Result<std::int64_t> count_pdf_pages(std::string_view bytes) {
  try {
    QPDF pdf;
    pdf.setSuppressWarnings(true);
    pdf.processMemoryFile("document", bytes.data(), bytes.size());
    const auto pages = static_cast<std::int64_t>(pdf.getAllPages().size());
    if (pages > 0) return pages;
  } catch (const std::exception&) {  // what qpdf says, it throws
  }
  return unreadable_pdf();
}

}  // namespace chuyi
