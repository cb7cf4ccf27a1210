#include "storage/documents/bag_validator.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include <openssl/evp.h>

#include "engine/base/entry_name.h"
#include "engine/base/json.h"
#include "storage/documents/bag_limits.h"

namespace chuyi {
namespace {

constexpr std::size_t kPlaceMax = 200;  // of foreign text in a message
constexpr std::array kAlgorithms = {"md5", "sha1", "sha224", "sha256", "sha384", "sha512"};

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

Result<std::string> digest_of(const ZipArchive& zip, const ZipEntry& entry, const char* algorithm) {
  const std::unique_ptr<EVP_MD_CTX, FreeDigest> context(EVP_MD_CTX_new());
  EVP_DigestInit_ex(context.get(), EVP_get_digestbyname(algorithm), nullptr);
  Result<> read = zip.read(entry, [&](std::string_view part) -> Result<> {
    EVP_DigestUpdate(context.get(), part.data(), part.size());
    return {};
  });
  if (!read) return read.error();
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(context.get(), bytes.data(), &size);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (unsigned int i = 0; i < size; ++i) {
    out += kHex[bytes[i] >> 4];
    out += kHex[bytes[i] & 0xF];
  }
  return out;
}

/// Each line of `text` but empty ones at its end.
void each_line(std::string_view text, const std::function<void(std::string_view)>& take) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  while (!text.empty()) {
    const std::size_t end = text.find_first_of("\r\n");
    take(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(text.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view code = text.substr(i, 3);
    if (code == "%0A" || code == "%0a" || code == "%0D" || code == "%0d" || code == "%25") {
      out += code == "%25" ? '%' : code[2] == 'A' || code[2] == 'a' ? '\n' : '\r';
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

class Validator {
 public:
  explicit Validator(const ZipArchive& zip) : zip_(zip) {}

  Result<BagReport> run() {
    find_base();
    for (const ZipEntry& entry : zip_.entries())
      if (!entry.folder && entry.name.starts_with(base_)) files_[entry.name.substr(base_.size())] = &entry;
    for (const ZipEntry& entry : zip_.entries())
      if (!entry.name.starts_with(base_)) error("bag.outside", entry.name, "Expected everything inside the base folder");
    check_declaration();
    check_fetch();
    check_manifests();
    check_payload();
    check_info();
    return std::move(report_);
  }

 private:
  void error(const char* code, const std::string& place, std::string message) {
    if (report_.errors.size() >= kBagFindingsMax) return static_cast<void>(++report_.more_errors);
    report_.errors.push_back({.place = place, .code = code, .message = std::move(message), .message_zh = {}});
  }
  void warn(const char* code, const std::string& place, std::string message) {
    if (report_.warnings.size() >= kBagFindingsMax) return static_cast<void>(++report_.more_warnings);
    report_.warnings.push_back({.place = place, .code = code, .message = std::move(message), .message_zh = {}});
  }
  std::optional<std::string> text(const std::string& path) {
    const auto found = files_.find(path);
    if (found == files_.end()) return std::nullopt;
    Result<std::string> content = zip_.read_all(*found->second, kBagTagBytesMax);
    if (content) return std::move(*content);
    error(content.error().kind == ErrorKind::too_large ? "bag.tag_size" : "bag.data", path, content.error().message);
    return std::string{};
  }

  void find_base() {
    if (zip_.find("bagit.txt") != nullptr) return error("bag.base", "bagit.txt", "Expected the bag in one folder of the archive (RFC 8493 section 4)");
    std::size_t shortest = std::string::npos;
    for (const ZipEntry& entry : zip_.entries())
      if (entry.name.ends_with("/bagit.txt") && std::count(entry.name.begin(), entry.name.end(), '/') == 1 &&
          entry.name.size() < shortest) {
        base_ = entry.name.substr(0, entry.name.size() - 9);
        shortest = entry.name.size();
      }
  }

  void check_declaration() {
    const std::optional<std::string> content = text("bagit.txt");
    if (!content) return error("bag.declaration", "bagit.txt", "Expected the file bagit.txt");
    std::vector<std::string> lines;
    each_line(*content, [&](std::string_view line) {
      if (lines.size() < 3) lines.emplace_back(line);
    });
    if (lines.size() != 2 || !lines[0].starts_with("BagIt-Version: ") ||
        !lines[1].starts_with("Tag-File-Character-Encoding: "))
      return error("bag.declaration", "bagit.txt", "Expected two lines: BagIt-Version and Tag-File-Character-Encoding");
    report_.version = lines[0].substr(15, kPlaceMax);
    static constexpr std::array kVersions = {"0.93", "0.94", "0.95", "0.96", "0.97", "1.0"};
    if (std::find(kVersions.begin(), kVersions.end(), report_.version) == kVersions.end())
      error("bag.version", "bagit.txt", "Expected BagIt-Version 0.93 to 1.0, but found '" + report_.version + "'");
    if (lines[1].substr(29) != "UTF-8") warn("bag.encoding", "bagit.txt", "Expected tag files in UTF-8");
  }

  void check_fetch() {
    const std::optional<std::string> content = text("fetch.txt");
    if (!content) return;
    each_line(*content, [&](std::string_view line) {
      const std::size_t first = line.find_first_of(" \t");
      const std::size_t second = first == std::string::npos ? first : line.find_first_of(" \t", first + 1);
      const std::string path = second == std::string::npos ? std::string{} : percent_decoded(line.substr(second + 1));
      if (path.empty() || !check_entry_name(path) || !path.starts_with("data/"))
        error("bag.fetch", "fetch.txt", "Expected URL, length and a path below data/");
      else if (!files_.contains(path))
        error("bag.incomplete", path, "Expected the file to be in the bag; nothing is fetched");
    });
  }

  /// "manifest-sha256.txt" → "sha256".
  static std::string algorithm_of(const std::string& path, const std::string& prefix) {
    if (!path.starts_with(prefix) || !path.ends_with(".txt")) return {};
    std::string out = path.substr(prefix.size(), path.size() - prefix.size() - 4);
    return entry_key(out);
  }

  void check_manifests() {
    std::size_t manifests = 0;
    for (const auto& [path, entry] : files_) {
      const std::string payload = algorithm_of(path, "manifest-");
      const std::string tags = algorithm_of(path, "tagmanifest-");
      if (payload.empty() && tags.empty()) continue;
      const std::string& algorithm = payload.empty() ? tags : payload;
      if (std::find(kAlgorithms.begin(), kAlgorithms.end(), algorithm) == kAlgorithms.end()) {
        error("bag.algorithm", path, "Expected md5, sha1 or a SHA-2 algorithm");
        continue;
      }
      manifests += payload.empty() ? 0U : 1U;
      if (algorithm == "md5" || algorithm == "sha1") warn("bag.weak_algorithm", path, "Expected a SHA-2 algorithm: others can be forged");
      check_manifest(path, algorithm, !payload.empty());
    }
    if (manifests == 0) error("bag.manifest", "manifest-sha256.txt", "Expected at least one payload manifest");
  }

  void check_manifest(const std::string& manifest, const std::string& algorithm, bool payload) {
    std::map<std::string, std::string> listed;
    each_line(*text(manifest), [&](std::string_view line) {
      const std::size_t end = line.find_first_of(" \t");
      std::size_t start = end == std::string::npos ? end : line.find_first_not_of(" \t", end);
      if (start == std::string::npos) return error("bag.manifest_line", manifest, "Expected a digest and a path on each line");
      if (line[start] == '*') {
        warn("bag.md5sum_style", manifest, "Expected a path without '*' before it");
        ++start;
      }
      std::string path = percent_decoded(line.substr(start));
      if (path.starts_with("./")) {
        warn("bag.relative_path", manifest, "Expected a path without './' before it");
        path.erase(0, 2);
      }
      if (!check_entry_name(path) || path.starts_with("~") || (payload && !path.starts_with("data/")))
        return error("bag.path", manifest, "Expected a path inside the bag, but found '" + path.substr(0, kPlaceMax) + "'");
      if (!listed.emplace(path, entry_key(line.substr(0, end))).second) error("bag.duplicate", path, "Expected each file once in " + manifest);
    });
    for (const auto& [path, expected] : listed) check_digest(manifest, algorithm, path, expected);
    if (!payload) return;
    for (const auto& [path, entry] : files_)
      if (path.starts_with("data/") && !listed.contains(path)) error("bag.unlisted", path, "Expected every payload file in " + manifest);
  }

  void check_digest(const std::string& manifest, const std::string& algorithm, const std::string& path, const std::string& expected) {
    const auto found = files_.find(path);
    if (found == files_.end()) return error("bag.missing", path, "Expected the file that " + manifest + " lists");
    const Result<std::string> digest = digest_of(zip_, *found->second, algorithm.c_str());
    if (!digest) return error("bag.data", path, digest.error().message);
    if (*digest != expected) error("bag.digest", path, "Expected the digest in " + manifest + ": the file was changed");
  }

  void check_payload() {
    for (const auto& [path, entry] : files_) {
      if (!path.starts_with("data/")) continue;
      ++report_.payload_files;
      report_.payload_bytes += entry->size;
    }
    if (report_.payload_files == 0) warn("bag.empty", "data/", "Expected payload files");
  }

  void check_info() {
    std::optional<std::string> content = text("bag-info.txt");
    if (!content) return;
    bool own = false;
    each_line(*content, [&](std::string_view line) {
      own = own || line.starts_with("Chuyi-");
      if (!line.starts_with("Payload-Oxum:")) return;
      std::string oxum{line.substr(13)};
      oxum.erase(0, oxum.find_first_not_of(" \t"));
      const std::string actual = std::to_string(report_.payload_bytes) + "." + std::to_string(report_.payload_files);
      if (oxum != actual) error("bag.oxum", "bag-info.txt", "Expected Payload-Oxum " + actual + ", but found " + oxum.substr(0, kPlaceMax));
    });
    if (own) check_seal();
  }

  /// A bag that Chuyi sealed has the same times and attributes on every entry: any other was changed since.
  void check_seal() {
    for (const ZipEntry& entry : zip_.entries())
      if (entry.trappings != zip_.entries().front().trappings)
        error("bag.altered", entry.name, "Expected the archive as it was sealed: the entry's times or attributes were changed");
  }

  const ZipArchive& zip_;
  std::string base_;
  std::map<std::string, const ZipEntry*> files_;
  BagReport report_;
};

}  // namespace

Result<BagReport> validate_bag(const std::string& path) {
  const Result<std::unique_ptr<ZipArchive>> zip = open_zip(path, kBagLimits);
  if (!zip) return zip.error();
  return Validator(**zip).run();
}

}  // namespace chuyi
