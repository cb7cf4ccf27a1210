#include "engine/base/result.h"

#include <stdexcept>

namespace boost::system {
void throw_exception_from_error(const chuyi::Error& error, const boost::source_location& /*where*/) {
  throw std::logic_error(error.code + ": " + error.message);
}
}  // namespace boost::system
