#include "plugins/loader/signature.h"

#include <array>
#include <memory>
#include <optional>
#include <span>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "engine/base/digest.h"
#include "engine/base/json.h"

namespace chuyi {
namespace {

constexpr std::size_t kKeyBytes = 32;        // RFC 8032, 5.1.5
constexpr std::size_t kSignatureBytes = 64;  // RFC 8032, 5.1.6
constexpr std::size_t kFilesMax = 500;

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
using Bio = std::unique_ptr<BIO, FreeBio>;
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

Key checked(EVP_PKEY* key) {
  Key out(key);
  return out && EVP_PKEY_id(out.get()) == EVP_PKEY_ED25519 ? std::move(out) : nullptr;
}

Key read_key(const std::string& pem, bool is_private) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(std::min<std::size_t>(pem.size(), 65'536))));
  if (!bio) return nullptr;
  // No password is asked for: an encrypted key is none that can be read here.
  const auto no_password = [](char*, int, int, void*) { return 0; };
  return checked(is_private ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr) : PEM_read_bio_PUBKEY(bio.get(), nullptr, no_password, nullptr));
}

template <class Write>
std::string pem_of(Write write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  char* data = nullptr;
  if (!bio || write(bio.get()) != 1) return {};
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string id_of(const EVP_PKEY* key) {
  std::array<unsigned char, kKeyBytes> raw{};
  std::size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key, raw.data(), &size) != 1) return {};
  return sha256_hex(std::string_view{reinterpret_cast<const char*>(raw.data()), raw.size()}).substr(0, 16);
}

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string base64(std::span<const unsigned char> bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3), '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(), static_cast<int>(bytes.size()));
  return out;
}

std::optional<std::string> signature_bytes(const std::string& text) {
  std::string out(kSignatureBytes + 2, '\0');  // padded to whole groups
  if (text.size() != 88 || EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text), static_cast<int>(text.size())) < 0) return std::nullopt;
  out.resize(kSignatureBytes);
  // One way to write it, so that there is one archive of a signature.
  if (base64({bytes_of(out), out.size()}) != text) return std::nullopt;
  return out;
}

bool is_signed_by(EVP_PKEY* key, const std::string& content, const std::string& signature) {
  const Context context(EVP_MD_CTX_new());
  return context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(content), content.size()) == 1;
}

Detail problem(std::string code, std::string place, std::string message, std::string message_zh) {
  return {.place = std::move(place), .code = std::move(code), .message = std::move(message), .message_zh = std::move(message_zh)};
}

Detail malformed(const std::string& why) {
  return problem("plugin.signature", kSignatureFile, "Expected {\"algorithm\":\"Ed25519\",\"files\",\"key\",\"signature\"} as `chuyi plugin pack` writes it, but " + why,
                 "signature.json应为“chuyi plugin pack”所写的格式");
}

bool is_well_formed(const json::object& said) {
  const json::value* files = said.if_contains("files");
  if (files == nullptr || !files->is_object()) return false;
  for (const auto& each : files->get_object())
    if (!each.value().is_string() || each.value().get_string().size() != 64) return false;
  if (said.size() == 1) return true;
  return said.size() == 4 && string_or(said, "algorithm") == "Ed25519" && !string_or(said, "key").empty() && !string_or(said, "signature").empty();
}

void compare_files(const PackageFiles& files, const json::object& said, std::vector<Detail>& problems) {
  for (const auto& [path, bytes] : files) {
    if (path == kSignatureFile) continue;
    const std::string digest = string_or(said, path);
    if (digest.empty())
      problems.push_back(problem("plugin.extra_file", path, "Expected no file that signature.json does not name; pack the package again", "程序包含有签名清单以外的文件"));
    else if (digest != sha256_hex(bytes))
      problems.push_back(problem("plugin.digest", path, "Expected the SHA-256 that signature.json says; the file was changed after packing", "文件内容与签名清单不符"));
  }
  for (const auto& each : said)
    if (!files.contains(std::string{each.key()}))
      problems.push_back(problem("plugin.missing_file", std::string{each.key()}, "Expected the file that signature.json names", "缺少签名清单所列的文件"));
}

}  // namespace

Result<KeyPair> make_key() {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  KeyPair out;
  if (key) {
    out.private_pem = pem_of([&](BIO* bio) { return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
    out.public_pem = pem_of([&](BIO* bio) { return PEM_write_bio_PUBKEY(bio, key.get()); });
  }
  if (out.private_pem.empty() || out.public_pem.empty()) return Error{.kind = ErrorKind::unavailable, .code = "plugin.key", .message = "Expected OpenSSL to make an Ed25519 key"};
  return out;
}

Result<std::string> key_id(const std::string& public_pem) {
  const Key key = read_key(public_pem, false);
  if (!key)
    return Error{.kind = ErrorKind::invalid,
                 .code = "trust.key",
                 .message = "Expected an Ed25519 public key as PEM, as `chuyi plugin keygen` writes to FILE.pub",
                 .place = "/key",
                 .message_zh = "公钥应为PEM格式的Ed25519公钥（“chuyi plugin keygen”生成的.pub文件）"};
  return id_of(key.get());
}

Result<std::string> sign_package(const PackageFiles& files, const std::string& private_pem) {
  json::object digests;
  for (const auto& [path, bytes] : files) digests[path] = sha256_hex(bytes);
  json::object out{{"files", std::move(digests)}};
  if (private_pem.empty()) return canonical_json(out) + "\n";
  const Key key = read_key(private_pem, true);
  const Error bad{.kind = ErrorKind::invalid, .code = "plugin.key", .message = "Expected an Ed25519 private key as PEM, without a password", .message_zh = "私钥应为PEM格式、未加密的Ed25519私钥"};
  if (!key) return bad;
  out["algorithm"] = "Ed25519";
  out["key"] = id_of(key.get());
  const std::string content = canonical_json(out);
  std::array<unsigned char, kSignatureBytes> signature{};
  std::size_t size = signature.size();
  const Context context(EVP_MD_CTX_new());
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, bytes_of(content), content.size()) != 1)
    return bad;
  out["signature"] = base64(signature);
  return canonical_json(out) + "\n";
}

Verification verify_package(const PackageFiles& files, const std::map<std::string, std::string>& trusted, bool unsigned_too) {
  Verification out;
  const auto found = files.find(kSignatureFile);
  if (found == files.end()) {
    out.problems.push_back(problem("plugin.signature", kSignatureFile, "Expected signature.json in the package; pack it with `chuyi plugin pack`", "程序包缺少signature.json，请用“chuyi plugin pack”打包"));
    return out;
  }
  const Result<json::value> parsed = parse_json(found->second, JsonLimits{.nodes_max = 4 * kFilesMax}, kSignatureFile);
  if (!parsed) {
    out.problems.push_back(malformed("found: " + parsed.error().message));
    return out;
  }
  if (!parsed->is_object() || !is_well_formed(parsed->get_object())) {
    out.problems.push_back(malformed("found another shape"));
    return out;
  }
  json::object said = parsed->get_object();
  compare_files(files, object_or_empty(said, "files"), out.problems);
  out.key = string_or(said, "key");
  if (out.key.empty()) {
    if (!unsigned_too)
      out.problems.push_back(problem("plugin.unsigned", kSignatureFile, "Expected a package that somebody signed: pack it with --key, or install it as unsigned on purpose", "程序包未签名：请用--key打包，或明确以未签名方式安装"));
    return out;
  }
  const auto known = trusted.find(out.key);
  if (known == trusted.end()) {
    out.problems.push_back(problem("plugin.unknown_key", kSignatureFile, "Expected a signature by a trusted key, but found key " + out.key + "; add it with `chuyi plugin trust add` if it is to be trusted",
                                   "签名密钥" + out.key + "不在受信任之列，确认后请先添加"));
    return out;
  }
  const std::optional<std::string> signature = signature_bytes(string_or(said, "signature"));
  said.erase("signature");
  const Key key = read_key(known->second, false);
  if (!signature || !key || !is_signed_by(key.get(), canonical_json(said), *signature))
    out.problems.push_back(problem("plugin.signature", kSignatureFile, "Expected a signature of this content by key " + out.key, "签名与内容不符"));
  return out;
}

}  // namespace chuyi
