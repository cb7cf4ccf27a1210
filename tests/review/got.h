#pragma once

#include <stdexcept>
#include <string>

#include "engine/base/result.h"

namespace chuyi::review {

/// The value, in a test that expects one; GoogleTest reports the exception otherwise.
template <class T>
T got(const Result<T>& result) {
  if (!result) throw std::runtime_error(result.error().code + ": " + result.error().message);
  return *result;
}

}  // namespace chuyi::review
