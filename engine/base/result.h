#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <boost/system/result.hpp>

namespace chuyi {

/// What the caller can do about an error; decides the HTTP status and the exit code.
enum class ErrorKind : std::uint8_t {
  invalid,          ///< malformed; the same request always fails          (HTTP 400 or 422)
  unauthenticated,  ///< nobody is signed in, or the credentials are wrong (HTTP 401)
  forbidden,        ///< this actor may not do this                        (HTTP 403)
  not_found,        ///< no such thing, or none this actor may see         (HTTP 404)
  rejected,         ///< well-formed, but refused in this state            (HTTP 409)
  precondition,     ///< the caller's version is not the current one       (HTTP 412)
  too_large,        ///< past a limit of size, depth or count              (HTTP 413)
  unavailable,      ///< storage or plugin failed; safe to retry           (HTTP 503)
};

/// One defect of one place of the input. A form with three wrong fields has three.
struct Detail {
  std::string place;    ///< JSON pointer, file:line:column, or zip entry
  std::string code;     ///< stable, dotted, e.g. "form.required"
  std::string message;  ///< English: what was expected, what was found, the mend
  std::string message_zh;
};

/// Why something was refused. `code` is stable across releases; texts are not.
struct Error {
  ErrorKind kind = ErrorKind::invalid;
  std::string code;                  ///< stable, dotted, e.g. "xml.doctype"
  std::string message;               ///< English: what was expected, what was found, the mend
  std::string place = {};            ///< where, when one place is to blame
  std::string message_zh = {};       ///< Chinese; empty: the server's text catalogue has one for `code`
  std::vector<Detail> details = {};  ///< every defect found, when there can be several
  std::vector<std::string> allowed = {};  ///< what would have been accepted (events, outcomes, states)
};

/// Every defect of an error, at least one.
inline std::vector<Detail> details_of(const Error& error) {
  if (!error.details.empty()) return error.details;
  return {{.place = error.place, .code = error.code, .message = error.message, .message_zh = error.message_zh}};
}

/// A T or an Error. The struct exists for [[nodiscard]], which Boost's own result lacks.
template <class T = void>
struct [[nodiscard]] Result : boost::system::result<T, Error> {
  using boost::system::result<T, Error>::result;
};

}  // namespace chuyi

namespace boost::system {
/// `Result::value()` on an error is a programming mistake: it throws std::logic_error.
[[noreturn]] void throw_exception_from_error(const chuyi::Error& error, const boost::source_location& where);
}  // namespace boost::system
