#pragma once

#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/ports/certificate.h"

namespace chuyi {

/// What is written on one certificate.
struct CertificateContent {
  std::vector<std::string> texts;  ///< filled in, beside Certificate::texts; an empty one leaves its place empty
  std::string language;            ///< "zh" or "en"
  std::string title;               ///< of the document
  std::string link;                ///< what the codes hold; empty: their places stay empty
  Day date;                        ///< of the document, so that equal certificates are equal bytes
};

/// Draws a certificate as PDF of one page, with its fonts inside. One at a time: the fonts' cache is shared.
/// Errors: `rejected` "certificate.too_long" when a text does not fit its box at the smallest size that it may have;
/// `unavailable` "certificate.font" when no font of this machine has a character, which is named: nobody gets one with
/// boxes in a name; "certificate.draw".
Result<std::string> draw_certificate(const Certificate& certificate, const CertificateContent& content);

}  // namespace chuyi
