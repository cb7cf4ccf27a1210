#include "tests/documents/files.h"

namespace chuyi {

namespace {

std::uint32_t crc32_of(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int i = 0; i < 8; ++i) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xFF);
}

/// What both headers share, from flags to the sizes.
void put_common(std::string& out, const RawEntry& entry, bool true_sizes) {
  const auto said = [&](std::int64_t chosen, std::uint64_t real) { return chosen < 0 || true_sizes ? real : static_cast<std::uint64_t>(chosen); };
  put(out, entry.flags, 2);
  put(out, entry.method, 2);
  put(out, 0x00210000, 4);
  put(out, said(entry.crc, crc32_of(entry.data)), 4);
  put(out, said(entry.packed, entry.data.size()), 4);
  put(out, said(entry.size, entry.data.size()), 4);
}

}  // namespace

std::string make_zip(const std::vector<RawEntry>& entries, const std::string& between, const std::string& comment) {
  std::string out;
  std::string directory;
  for (const RawEntry& entry : entries) {
    const std::string& local = entry.local_name.empty() ? entry.name : entry.local_name;
    put(directory, 0x02014B50, 4);
    put(directory, 20 | (3 << 8), 2);
    put(directory, 20, 2);
    put_common(directory, entry, false);
    put(directory, entry.name.size(), 2);
    put(directory, entry.extra.size(), 2);
    put(directory, 0, 2 + 2 + 2);
    put(directory, std::uint64_t{entry.mode} << 16, 4);
    put(directory, entry.offset < 0 ? out.size() : static_cast<std::uint64_t>(entry.offset), 4);
    directory += entry.name + entry.extra;
    put(out, 0x04034B50, 4);
    put(out, 20, 2);
    put_common(out, entry, entry.local_differs);
    put(out, local.size(), 2);
    put(out, 0, 2);
    out += local + entry.data;
  }
  out += between;
  const std::size_t at = out.size();
  out += directory;
  put(out, 0x06054B50, 4);
  put(out, 0, 4);
  put(out, entries.size(), 2);
  put(out, entries.size(), 2);
  put(out, directory.size(), 4);
  put(out, at, 4);
  put(out, comment.size(), 2);
  return out + comment;
}

std::string store(DocumentStore& documents, const std::string& content) {
  const std::unique_ptr<DocumentWriter> writer = std::move(*documents.create(content.size()));
  const Result<> written = writer->write(content);
  const Result<StoredDocument> stored = writer->finish();
  if (!written || !stored) return {};
  documents.release(stored->digest, true);
  return stored->digest;
}

}  // namespace chuyi
