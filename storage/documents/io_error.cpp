#include "storage/documents/io_error.h"

#include <cerrno>
#include <cstring>

namespace chuyi {

Error io_error(const std::string& what, int code) {
  if (code == ENOSPC || code == EDQUOT)
    return Error{.kind = ErrorKind::unavailable,
                 .code = "document.full",
                 .message = "Expected space on the disk of the documents; free some and try again",
                 .message_zh = "存储空间不足，材料未保存"};
  return Error{.kind = ErrorKind::unavailable,
               .code = "document.io",
               .message = "Expected to " + what + ", but found: " + std::strerror(code),
               .message_zh = "材料存储暂时不可用"};
}

}  // namespace chuyi
