#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/base/result.h"

namespace chuyi {

/// The file inside a packed package that says what else is in it, and who says so:
/// {"algorithm":"Ed25519","files":{PATH: SHA-256 in hex},"key":ID,"signature":BASE64 over the canonical JSON of the rest};
/// {"files":{…}} alone when nobody signed it.
inline constexpr const char* kSignatureFile = "signature.json";

/// Path → bytes, of a whole package.
using PackageFiles = std::map<std::string, std::string>;

/// An Ed25519 key (RFC 8032) as PEM (RFC 8410).
struct KeyPair {
  std::string private_pem;
  std::string public_pem;
};
Result<KeyPair> make_key();

/// The first 16 hex digits of the SHA-256 of the public key's 32 bytes. Errors: `invalid` "trust.key".
Result<std::string> key_id(const std::string& public_pem);

/// The text of kSignatureFile for `files`. @param private_pem  empty: nobody signs. Errors: `invalid` "plugin.key".
Result<std::string> sign_package(const PackageFiles& files, const std::string& private_pem);

struct Verification {
  std::string key;               ///< id of the key that signed it; empty: none did
  std::vector<Detail> problems;  ///< every one; empty: the package is as it was packed, by who is named
};
/// Compares `files` with what their kSignatureFile says: "plugin.signature" (none, malformed, wrong), "plugin.unknown_key",
/// "plugin.missing_file", "plugin.extra_file", "plugin.digest", and "plugin.unsigned" unless `unsigned_too`.
/// @param trusted  id → public key as PEM.
Verification verify_package(const PackageFiles& files, const std::map<std::string, std::string>& trusted, bool unsigned_too);

}  // namespace chuyi
