#include "plugins/loader/native_library.h"

#include <cstring>
#include <optional>

#include <elf.h>

namespace chuyi {
namespace {

#if defined(__x86_64__)
constexpr std::uint16_t kMachine = EM_X86_64;
constexpr const char* kMachineName = "x86-64";
#elif defined(__aarch64__)
constexpr std::uint16_t kMachine = EM_AARCH64;
constexpr const char* kMachineName = "AArch64";
#else
#error "say which ELF machine this is"
#endif

/// A record inside the bytes; none when it does not lie within.
template <class T>
std::optional<T> at(std::string_view bytes, std::uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T out;
  std::memcpy(&out, bytes.data() + offset, sizeof out);
  return out;
}

std::string_view name_at(std::string_view bytes, const Elf64_Shdr& table, std::uint64_t offset) {
  if (table.sh_offset > bytes.size() || table.sh_size > bytes.size() - table.sh_offset || offset >= table.sh_size) return {};
  const std::string_view from = bytes.substr(table.sh_offset + offset, table.sh_size - offset);
  return from.substr(0, from.find('\0'));
}

bool exports(std::string_view bytes, const Elf64_Ehdr& header, std::string_view symbol) {
  const auto section = [&](std::uint64_t index) { return index < header.e_shnum ? at<Elf64_Shdr>(bytes, header.e_shoff + index * sizeof(Elf64_Shdr)) : std::nullopt; };
  for (std::uint64_t i = 0; i < header.e_shnum; ++i) {
    const std::optional<Elf64_Shdr> symbols = section(i);
    if (!symbols || symbols->sh_type != SHT_DYNSYM) continue;
    const std::optional<Elf64_Shdr> names = section(symbols->sh_link);
    if (!names) continue;
    for (std::uint64_t offset = 0; offset + sizeof(Elf64_Sym) <= symbols->sh_size; offset += sizeof(Elf64_Sym)) {
      const std::optional<Elf64_Sym> each = at<Elf64_Sym>(bytes, symbols->sh_offset + offset);
      if (!each) break;
      if (each->st_shndx != SHN_UNDEF && ELF64_ST_TYPE(each->st_info) == STT_FUNC && ELF64_ST_BIND(each->st_info) != STB_LOCAL &&
          name_at(bytes, *names, each->st_name) == symbol)
        return true;
    }
  }
  return false;
}

}  // namespace

std::vector<Detail> check_native_library(std::string_view bytes, const std::string& place) {
  const std::optional<Elf64_Ehdr> header = at<Elf64_Ehdr>(bytes, 0);
  const bool fits = header && std::memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_ident[EI_CLASS] == ELFCLASS64 &&
                    header->e_ident[EI_DATA] == ELFDATA2LSB && header->e_machine == kMachine && header->e_type == ET_DYN &&
                    header->e_shentsize == sizeof(Elf64_Shdr);
  if (!fits)
    return {{.place = place,
             .code = "plugin.architecture",
             .message = std::string{"Expected a shared library (ELF, 64 bits) for "} + kMachineName + "; build it on a machine of this kind",
             .message_zh = std::string{"本机库应为"} + kMachineName + "的64位共享库（ELF）"}};
  if (!exports(bytes, *header, "chuyi_plugin"))
    return {{.place = place,
             .code = "plugin.entry",
             .message = "Expected a library that exports the function chuyi_plugin (plugins/sdk/chuyi_plugin.h)",
             .message_zh = "本机库没有导出函数chuyi_plugin"}};
  return {};
}

}  // namespace chuyi
