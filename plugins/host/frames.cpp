#include "plugins/host/frames.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <sys/socket.h>

namespace chuyi::plugin {
namespace {

constexpr std::size_t kHead = 4;
constexpr std::size_t kRoom = 64U * 1024;

std::size_t length_at(const char* head) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < kHead; ++i) size |= static_cast<std::size_t>(static_cast<unsigned char>(head[i])) << (8 * i);
  return size;
}

}  // namespace

std::string frame_of(std::string_view head, std::string_view rest) {
  const std::size_t size = head.size() + rest.size();
  std::string frame;
  frame.reserve(kHead + size);
  for (std::size_t i = 0; i < kHead; ++i) frame += static_cast<char>((size >> (8 * i)) & 0xFF);
  (frame += head) += rest;
  return frame;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

FrameStatus Inbox::next(std::string_view& message) {
  if (end_ - begin_ < kHead) return FrameStatus::none;
  const std::size_t size = length_at(bytes_.data() + begin_);
  if (size == 0 || size > kFrameMax) return FrameStatus::invalid;
  if (end_ - begin_ < kHead + size) return FrameStatus::none;
  message = {bytes_.data() + begin_ + kHead, size};
  begin_ += kHead + size;
  return FrameStatus::ok;
}

FrameStatus Inbox::receive(int fd, int flags) {
  std::copy(bytes_.data() + begin_, bytes_.data() + end_, bytes_.data());
  end_ -= begin_;
  begin_ = 0;
  // Room for the whole message once its length is known: one that is long comes in few reads.
  const std::size_t whole = end_ < kHead ? 0 : kHead + std::min(length_at(bytes_.data()), kFrameMax);
  bytes_.resize(std::max({bytes_.size(), whole, end_ + kRoom}));
  while (true) {
    const ssize_t got = ::recv(fd, bytes_.data() + end_, bytes_.size() - end_, flags);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return FrameStatus::none;
    if (got <= 0) return FrameStatus::closed;
    end_ += static_cast<std::size_t>(got);
    return FrameStatus::ok;
  }
}

}  // namespace chuyi::plugin
