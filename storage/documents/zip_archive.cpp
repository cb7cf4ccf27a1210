#include "storage/documents/zip_archive.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "engine/base/entry_name.h"

namespace chuyi {
namespace {

// APPNOTE.TXT 6.3.9: sizes of the fixed parts of the records, and their signatures.
constexpr std::uint64_t kLocalSize = 30;
constexpr std::uint64_t kCentralSize = 46;
constexpr std::uint64_t kEndSize = 22;
constexpr std::uint32_t kLocalSignature = 0x04034B50;
constexpr std::uint32_t kCentralSignature = 0x02014B50;
constexpr std::uint32_t kEndSignature = 0x06054B50;
constexpr std::uint32_t kDescriptorSignature = 0x08074B50;
constexpr std::uint16_t kFlagEncrypted = 0x0001;
constexpr std::uint16_t kFlagDescriptor = 0x0008;
constexpr std::uint16_t kFlagUtf8 = 0x0800;
constexpr std::uint64_t kRatioFloor = 1024U * 1024;

Error bad(std::string code, std::string message, std::string place = {}, ErrorKind kind = ErrorKind::invalid) {
  return Error{.kind = kind, .code = std::move(code), .message = "Expected " + message, .place = std::move(place)};
}

struct Central {
  ZipEntry entry;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint16_t version = 0;
  std::uint32_t time = 0;
  std::uint64_t local = 0;  ///< offset of the local header
};

std::uint32_t byte_at(std::string_view bytes, std::uint64_t at) { return static_cast<unsigned char>(bytes[at]); }
std::uint16_t u16_at(std::string_view bytes, std::uint64_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) | (byte_at(bytes, at + 1) << 8));
}
std::uint32_t u32_at(std::string_view bytes, std::uint64_t at) {
  return u16_at(bytes, at) | (static_cast<std::uint32_t>(u16_at(bytes, at + 2)) << 16);
}

class Gate {
 public:
  Gate(int fd, std::uint64_t size, const ZipLimits& limits) : fd_(fd), size_(size), limits_(limits) {}

  Result<std::vector<ZipEntry>> run() {
    if (size_ > limits_.bytes_max)
      return bad("zip.size", "an archive of at most " + std::to_string(limits_.bytes_max) + " bytes", {}, ErrorKind::too_large);
    if (Result<> end = read_end(); !end) return end.error();
    if (Result<> central = read_central(); !central) return central.error();
    if (Result<> locals = check_locals(); !locals) return locals.error();
    std::vector<ZipEntry> out;
    for (Central& each : central_) out.push_back(std::move(each.entry));
    return out;
  }

 private:
  /// `count` bytes of the file; fewer where it ends.
  std::string bytes(std::uint64_t at, std::uint64_t count) const {
    std::string out(static_cast<std::size_t>(count), '\0');
    std::size_t have = 0;
    while (have < out.size()) {
      const ssize_t got = ::pread(fd_, out.data() + have, out.size() - have, static_cast<off_t>(at + have));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    out.resize(have);
    return out;
  }

  Result<> read_end() {
    // The record that ends exactly at the end of the file; another one before it would be read differently elsewhere.
    const std::uint64_t lowest = size_ > kEndSize + 0xFFFF ? size_ - kEndSize - 0xFFFF : 0;
    const std::string tail = bytes(lowest, size_ - lowest);
    std::vector<std::uint64_t> found;
    for (std::uint64_t at = 0; at + kEndSize <= tail.size(); ++at)
      if (u32_at(tail, at) == kEndSignature) found.push_back(at);
    if (found.empty()) return bad("zip.end", "an end of central directory record");
    if (found.size() > 1) return bad("zip.end", "one end of central directory record");
    const std::string_view record = std::string_view{tail}.substr(found.front());
    end_ = lowest + found.front();
    if (kEndSize + u16_at(record, 20) != record.size()) return bad("zip.end", "nothing after the archive's comment");
    if (u16_at(record, 4) != 0 || u16_at(record, 6) != 0 || u16_at(record, 8) != u16_at(record, 10))
      return bad("zip.split", "an archive that is not split");
    count_ = u16_at(record, 10);
    const std::uint64_t size = u32_at(record, 12);
    central_at_ = u32_at(record, 16);
    if (count_ == 0xFFFF || size == 0xFFFFFFFF || central_at_ == 0xFFFFFFFF)
      return bad("zip.zip64", "an archive without zip64 extensions");
    if (count_ > limits_.entries_max)
      return bad("zip.entries", "at most " + std::to_string(limits_.entries_max) + " entries", {}, ErrorKind::too_large);
    if (size > limits_.directory_bytes_max)
      return bad("zip.size", "a central directory of at most " + std::to_string(limits_.directory_bytes_max) + " bytes", {}, ErrorKind::too_large);
    if (central_at_ + size != end_) return bad("zip.layout", "the central directory right before its end record");
    return {};
  }

  Result<> read_central() {
    const std::string directory = bytes(central_at_, end_ - central_at_);
    std::uint64_t at = 0;
    std::uint64_t total = 0;
    std::set<std::string> keys;
    for (std::uint64_t i = 0; i < count_; ++i) {
      if (at + kCentralSize > directory.size() || u32_at(directory, at) != kCentralSignature)
        return bad("zip.central", "a central directory entry");
      const std::uint64_t name_size = u16_at(directory, at + 28);
      const std::uint64_t size = kCentralSize + name_size + u16_at(directory, at + 30) + u16_at(directory, at + 32);
      if (at + size > directory.size()) return bad("zip.central", "a whole central directory entry");
      const std::string_view record = std::string_view{directory}.substr(at, size);
      Central each;
      each.entry.name = std::string{record.substr(kCentralSize, name_size)};
      each.entry.folder = each.entry.name.ends_with('/');
      each.flags = u16_at(record, 8);
      each.method = u16_at(record, 10);
      each.version = u16_at(record, 6);
      each.time = u32_at(record, 12);
      each.entry.crc = u32_at(record, 16);
      each.entry.packed = u32_at(record, 20);
      each.entry.size = u32_at(record, 24);
      each.entry.index = i;
      each.local = u32_at(record, 42);
      for (const auto& [from, size_of] : {std::pair{4, 2}, {12, 4}, {30, 4}, {36, 6}})
        each.entry.trappings += record.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(size_of));
      if (Result<> checked = check_central(each, record); !checked) return checked;
      if (!keys.insert(entry_key(each.entry.name)).second)
        return bad("zip.duplicate", "each name once, also apart from upper and lower case", each.entry.name);
      total += each.entry.size;
      if (total > limits_.total_bytes_max)
        return bad("zip.bomb", "at most " + std::to_string(limits_.total_bytes_max) + " bytes unpacked", {}, ErrorKind::too_large);
      central_.push_back(std::move(each));
      at += size;
    }
    if (at != directory.size()) return bad("zip.central", "the declared number of entries");
    return {};
  }

  Result<> check_central(const Central& each, std::string_view record) const {
    const std::string& name = each.entry.name;
    if (Result<> good = check_entry_name(name, true); !good) return good;
    const bool ascii = std::all_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (!ascii && (each.flags & kFlagUtf8) == 0) return bad("zip.name", "a name that is marked as UTF-8", name);
    if ((each.flags & kFlagEncrypted) != 0 || (each.flags & 0x2040) != 0) return bad("zip.encrypted", "an entry that is not encrypted", name);
    if (each.method != ZIP_CM_STORE && each.method != ZIP_CM_DEFLATE) return bad("zip.method", "a stored or deflated entry", name);
    if (each.entry.packed == 0xFFFFFFFF || each.entry.size == 0xFFFFFFFF || each.local == 0xFFFFFFFF)
      return bad("zip.zip64", "an entry without zip64 extensions", name);
    if (u16_at(record, 34) != 0) return bad("zip.split", "an archive that is not split", name);
    if (each.entry.size > limits_.entry_bytes_max)
      return bad("zip.bomb", "an entry of at most " + std::to_string(limits_.entry_bytes_max) + " bytes", name, ErrorKind::too_large);
    if (each.entry.size > kRatioFloor && each.entry.size / std::max<std::uint64_t>(each.entry.packed, 1) > limits_.ratio_max)
      return bad("zip.bomb", "an entry that unpacks to at most " + std::to_string(limits_.ratio_max) + " times its size", name,
                 ErrorKind::too_large);
    if (each.method == ZIP_CM_STORE && each.entry.packed != each.entry.size) return bad("zip.size_mismatch", "equal sizes of a stored entry", name);
    if (each.entry.folder && each.entry.size != 0) return bad("zip.folder", "a folder without content", name);
    // High half of the external attributes: the Unix mode, when the entry was made there.
    const std::uint32_t mode = u32_at(record, 38) >> 16;
    const std::uint32_t type = mode & 0170000;
    if (byte_at(record, 5) == 3 && type != 0 && type != 0100000 && type != 0040000) return bad("zip.link", "a plain file or a folder", name);
    if (each.local + kLocalSize > central_at_) return bad("zip.layout", "the entry's header before the central directory", name);
    return {};
  }

  /// Local headers must agree with the directory, and their data must lie end to end.
  Result<> check_locals() {
    std::map<std::uint64_t, const Central*> by_offset;
    for (const Central& each : central_)
      if (!by_offset.emplace(each.local, &each).second) return bad("zip.overlap", "entries that do not overlap", each.entry.name);
    std::uint64_t at = 0;
    for (const auto& [offset, each] : by_offset) {
      const std::string& name = each->entry.name;
      if (offset != at) return bad(offset < at ? "zip.overlap" : "zip.gap", "entries that lie end to end", name);
      const std::string header = bytes(at, kLocalSize + name.size());
      if (header.size() != kLocalSize + name.size() || u32_at(header, 0) != kLocalSignature) return bad("zip.local", "a local header", name);
      if (u16_at(header, 26) != name.size() || !header.ends_with(name)) return bad("zip.local", "the same name in both headers", name);
      const std::uint64_t data = at + header.size() + u16_at(header, 28);
      const bool descriptor = (each->flags & kFlagDescriptor) != 0;
      if (u16_at(header, 6) != each->flags || u16_at(header, 8) != each->method)
        return bad("zip.local", "the same flags and method in both headers", name);
      if (u16_at(header, 4) != each->version || u32_at(header, 10) != each->time)
        return bad("zip.local", "the same version and time in both headers", name);
      const bool sizes = u32_at(header, 14) == each->entry.crc && u32_at(header, 18) == each->entry.packed && u32_at(header, 22) == each->entry.size;
      const bool later = descriptor && u32_at(header, 14) == 0 && u32_at(header, 18) == 0 && u32_at(header, 22) == 0;
      if (!sizes && !later) return bad("zip.local", "the same sizes and checksum in both headers", name);
      at = data + each->entry.packed;
      if (at > central_at_) return bad("zip.layout", "the entry's data before the central directory", name);
      if (descriptor && !skip_descriptor(*each, at)) return bad("zip.local", "a data descriptor that agrees", name);
    }
    if (at != central_at_) return bad("zip.gap", "nothing between the entries and the central directory");
    return {};
  }

  bool skip_descriptor(const Central& each, std::uint64_t& at) const {
    const std::string found = bytes(at, 16);
    const std::uint64_t from = found.size() == 16 && u32_at(found, 0) == kDescriptorSignature ? 4 : 0;
    if (found.size() < from + 12 || u32_at(found, from) != each.entry.crc || u32_at(found, from + 4) != each.entry.packed ||
        u32_at(found, from + 8) != each.entry.size)
      return false;
    at += from + 12;
    return true;
  }

  int fd_;
  std::uint64_t size_;
  ZipLimits limits_;
  std::uint64_t end_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t central_at_ = 0;
  std::vector<Central> central_;
};

struct CloseFile {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

}  // namespace

ZipArchive::~ZipArchive() {
  if (archive_ != nullptr) zip_discard(archive_);
}

const ZipEntry* ZipArchive::find(std::string_view name) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const ZipEntry& each) { return each.name == name; });
  return found == entries_.end() ? nullptr : &*found;
}

Result<> ZipArchive::read(const ZipEntry& entry, const std::function<Result<>(std::string_view)>& sink) const {
  const std::unique_ptr<zip_file_t, CloseFile> file(zip_fopen_index(archive_, entry.index, 0));
  if (!file) return bad("zip.data", "data that can be unpacked", entry.name);
  std::uint64_t left = entry.size;
  std::string buffer(64U * 1024, '\0');
  while (true) {
    const zip_int64_t got = zip_fread(file.get(), buffer.data(), buffer.size());
    // libzip checks the checksum at the end of the data and reports it here.
    if (got < 0) return bad("zip.data", "data that unpacks to the declared checksum", entry.name);
    if (got == 0) break;
    if (static_cast<std::uint64_t>(got) > left) return bad("zip.data", "data that unpacks to the declared size", entry.name);
    left -= static_cast<std::uint64_t>(got);
    if (Result<> taken = sink(std::string_view{buffer.data(), static_cast<std::size_t>(got)}); !taken) return taken;
  }
  if (left != 0) return bad("zip.data", "data that unpacks to the declared size", entry.name);
  return {};
}

Result<std::string> ZipArchive::read_all(const ZipEntry& entry, std::uint64_t bytes_max) const {
  if (entry.size > bytes_max)
    return bad("zip.size", "an entry of at most " + std::to_string(bytes_max) + " bytes", entry.name, ErrorKind::too_large);
  std::string out;
  Result<> read_result = read(entry, [&](std::string_view part) -> Result<> {
    out += part;
    return {};
  });
  if (!read_result) return read_result.error();
  return out;
}

Result<std::unique_ptr<ZipArchive>> open_zip(const std::string& path, const ZipLimits& limits) {
  const auto missing = [&] {
    return Error{.kind = ErrorKind::not_found, .code = "file.missing", .message = "Expected a file that can be read", .place = path};
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(std::fopen(path.c_str(), "rbe"), &std::fclose);
  struct stat info {};
  if (!opened || ::fstat(::fileno(opened.get()), &info) != 0 || !S_ISREG(info.st_mode)) return missing();
  Result<std::vector<ZipEntry>> entries = Gate(::fileno(opened.get()), static_cast<std::uint64_t>(info.st_size), limits).run();
  if (!entries) return entries.error();
  std::unique_ptr<ZipArchive> out(new ZipArchive);
  out->entries_ = std::move(*entries);
  // The same file that the gate saw, whatever stands at its path by now; libzip closes its own copy.
  const int own = ::fcntl(::fileno(opened.get()), F_DUPFD_CLOEXEC, 0);
  std::FILE* file = own < 0 ? nullptr : ::fdopen(own, "rb");
  if (file == nullptr) {
    if (own >= 0) ::close(own);
    return missing();
  }
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_filep_create(file, 0, 0, &error);
  if (source == nullptr) std::fclose(file);
  out->archive_ = source == nullptr ? nullptr : zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
  const std::string reason = zip_error_strerror(&error);
  if (out->archive_ == nullptr && source != nullptr) zip_source_free(source);
  zip_error_fini(&error);
  if (out->archive_ == nullptr) return bad("zip.invalid", "a consistent archive, but libzip says: " + reason);
  return out;
}

}  // namespace chuyi
