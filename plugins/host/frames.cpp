#include "plugins/host/frames.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

namespace chuyi::plugin {
namespace {

FrameStatus wait_for(int fd, short events, Deadline deadline) {
  while (true) {
    int wait_ms = -1;
    if (deadline) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*deadline - std::chrono::steady_clock::now()).count();
      if (left <= 0) return FrameStatus::timeout;
      wait_ms = static_cast<int>(std::min<long long>(left, 60'000));
    }
    pollfd waiting{.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&waiting, 1, wait_ms);
    if (ready > 0) return FrameStatus::ok;
    if (ready < 0 && errno != EINTR) return FrameStatus::closed;
  }
}

FrameStatus write_all(int fd, std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    if (const FrameStatus ready = wait_for(fd, POLLOUT, deadline); ready != FrameStatus::ok) return ready;
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (sent <= 0) return FrameStatus::closed;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return FrameStatus::ok;
}

FrameStatus read_all(int fd, char* out, std::size_t size, Deadline deadline) {
  while (size > 0) {
    if (const FrameStatus ready = wait_for(fd, POLLIN, deadline); ready != FrameStatus::ok) return ready;
    const ssize_t got = ::recv(fd, out, size, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return FrameStatus::closed;
    out += got;
    size -= static_cast<std::size_t>(got);
  }
  return FrameStatus::ok;
}

}  // namespace

FrameStatus write_frame(int fd, std::string_view bytes, Deadline deadline) {
  if (bytes.empty() || bytes.size() > kFrameMax) return FrameStatus::invalid;
  const auto size = static_cast<std::uint32_t>(bytes.size());
  std::string frame;
  frame.reserve(bytes.size() + 4);
  for (int shift = 0; shift < 32; shift += 8) frame += static_cast<char>((size >> shift) & 0xFF);
  frame += bytes;
  return write_all(fd, frame, deadline);
}

FrameStatus read_frame(int fd, std::string& out, Deadline deadline) {
  std::array<char, 4> head{};
  if (const FrameStatus read = read_all(fd, head.data(), head.size(), deadline); read != FrameStatus::ok) return read;
  std::size_t size = 0;
  for (std::size_t i = 0; i < 4; ++i) size |= static_cast<std::size_t>(static_cast<unsigned char>(head[i])) << (8 * i);
  if (size == 0 || size > kFrameMax) return FrameStatus::invalid;
  out.resize(size);
  return read_all(fd, out.data(), size, deadline);
}

}  // namespace chuyi::plugin
