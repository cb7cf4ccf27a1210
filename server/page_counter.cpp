#include "server/page_counter.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <iostream>
#include <iterator>
#include <new>
#include <semaphore>

#include "storage/documents/descriptor.h"
#include "storage/documents/pdf_pages.h"

namespace chuyi {
namespace {

constexpr rlim_t kMemoryMax = 1024UL * 1024 * 1024;
constexpr rlim_t kSecondsMax = 10;
constexpr auto kWaitMax = std::chrono::seconds{20};

/// How many are counted at once: each may take a gigabyte.
std::counting_semaphore<2> counting{2};

struct Turn {
  bool taken = counting.try_acquire_for(kWaitMax);
  Turn() = default;
  ~Turn() {
    if (taken) counting.release();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
};

Error failed(const char* doing) {
  return Error{.kind = ErrorKind::unavailable,
               .code = "document.pages",
               .message = std::string{"Expected to count the pages of a document, but "} + doing + " failed: " + std::strerror(errno),
               .message_zh = "暂时无法统计页数，请稍后重试"};
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// @return what the process says, empty when it did not end well.
Result<std::string> run_apart(int content) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("a pipe");
  const Descriptor read_end(ends[0]);
  pid_t child = 0;
  {
    const Descriptor write_end(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, content, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    std::string program = "chuyi", what = kCountPages;
    char* arguments[] = {program.data(), what.data(), nullptr};
    char* nothing[] = {nullptr};
    const int spawned = ::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, arguments, nothing);
    posix_spawn_file_actions_destroy(&actions);
    if (spawned != 0) {
      errno = spawned;
      return failed("its process");
    }
  }
  std::string said;
  std::array<char, 64> part{};
  for (ssize_t got = 0; (got = ::read(read_end.get(), part.data(), part.size())) != 0;) {
    if (got < 0 && errno != EINTR) break;
    if (got > 0) said.append(part.data(), static_cast<std::size_t>(got));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? said : std::string{};
}

}  // namespace

Result<std::int64_t> count_pages(DocumentReader& content) {
  constexpr std::size_t kPart = 256U * 1024;
  const Turn turn;
  if (!turn.taken) {
    errno = EBUSY;
    return failed("a place among those that are counted");
  }
  const Descriptor file(::memfd_create("document", MFD_CLOEXEC));
  if (file.get() < 0) return failed("memory for it");
  while (true) {
    const Result<std::string> part = content.read(kPart);
    if (!part) return part.error();
    if (part->empty()) break;
    if (!write_all(file.get(), *part)) return failed("a copy");
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return failed("a copy");
  const Result<std::string> said = run_apart(file.get());
  if (!said) return said.error();
  std::int64_t pages = 0;
  const auto [end, error] = std::from_chars(said->data(), said->data() + said->size(), pages);
  if (error != std::errc{} || pages < 1) return unreadable_pdf();
  return pages;
}

int count_stdin() {
#ifndef CHUYI_SANITIZED  // whose shadow alone is larger
  const rlimit memory{kMemoryMax, kMemoryMax};
  (void)::setrlimit(RLIMIT_AS, &memory);
#endif
  const rlimit seconds{kSecondsMax, kSecondsMax};
  const rlimit none{0, 0};
  (void)::setrlimit(RLIMIT_CPU, &seconds);
  (void)::setrlimit(RLIMIT_CORE, &none);
  (void)::setrlimit(RLIMIT_FSIZE, &none);
  // Whatever the document talks the reader into: it opens no file, no connection and no process any more.
  const rlimit standard{STDERR_FILENO + 1, STDERR_FILENO + 1};
  (void)::setrlimit(RLIMIT_NOFILE, &standard);
  (void)::setrlimit(RLIMIT_NPROC, &none);
  (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  try {
    const std::string bytes{std::istreambuf_iterator<char>(std::cin), {}};
    const Result<std::int64_t> pages = count_pdf_pages(bytes);
    if (!pages) return 1;
    std::cout << *pages << std::endl;
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}

}  // namespace chuyi
