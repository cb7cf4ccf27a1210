#include "tests/store_contract/cutting_proxy.h"

#include <array>
#include <cctype>
#include <cstring>
#include <stdexcept>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace chuyi::test {
namespace {

sockaddr_un address_of(const std::string& path) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  std::strncpy(out.sun_path, path.c_str(), sizeof out.sun_path - 1);
  return out;
}

int connect_to(const std::string& path) {
  const int out = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(path);
  if (::connect(out, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return out;
  ::close(out);
  return -1;
}

/// What there is to read now; empty at the end.
std::string read_some(int socket) {
  std::array<char, 65'536> buffer{};
  const ssize_t got = ::read(socket, buffer.data(), buffer.size());
  return got <= 0 ? std::string{} : std::string(buffer.data(), static_cast<std::size_t>(got));
}

bool write_all(int socket, const std::string& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t sent = ::send(socket, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    done += static_cast<std::size_t>(sent);
  }
  return true;
}

/// Whether this says COMMIT: the first time with its text, later by binding the statement that had it.
class CommitSeen {
 public:
  bool in(const std::string& bytes) {
    const std::size_t text = bytes.find("COMMIT");
    if (text != std::string::npos) {
      // Parse: 'P', length, name NUL, text NUL.
      const std::size_t name_end = text - 1;
      std::size_t name = name_end;
      while (name > 0 && std::isalnum(static_cast<unsigned char>(bytes[name - 1])) != 0) --name;
      name_ = bytes.substr(name, name_end - name);
      return true;
    }
    // Bind: 'B', length, portal NUL, name NUL.
    return !name_.empty() && bytes.find(std::string(1, '\0') + name_ + '\0') != std::string::npos;
  }

 private:
  std::string name_;
};

}  // namespace

CuttingProxy::CuttingProxy(const std::string& url) : url_(url), stop_(::eventfd(0, EFD_CLOEXEC)) {
  const std::size_t begin = url.find("host=") + 5;
  const std::size_t end = std::min(url.find('&', begin), url.size());
  server_ = url.substr(begin, end - begin) + "/.s.PGSQL.5432";
  url_.replace(begin, end - begin, folder_.file(""));
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(folder_.file(".s.PGSQL.5432"));
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(listener_, 64) != 0)
    throw std::runtime_error("no socket for the proxy");
  thread_ = std::thread([this] { accept_all(); });
}

CuttingProxy::~CuttingProxy() {
  ::eventfd_write(stop_, 1);
  thread_.join();
  for (std::thread& each : carriers_) each.join();
  ::close(listener_);
  ::close(stop_);
}

void CuttingProxy::accept_all() {
  while (true) {
    std::array<pollfd, 2> waited = {{{.fd = listener_, .events = POLLIN, .revents = 0}, {.fd = stop_, .events = POLLIN, .revents = 0}}};
    ::poll(waited.data(), waited.size(), -1);
    if (waited[1].revents != 0) return;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) carriers_.emplace_back([this, client] { carry(client, down_ ? -1 : connect_to(server_)); });
  }
}

void CuttingProxy::carry(int client, int server) {
  CommitSeen commit;
  bool answer_is_lost = false;
  while (server >= 0) {
    std::array<pollfd, 3> waited = {{{.fd = client, .events = POLLIN, .revents = 0}, {.fd = server, .events = POLLIN, .revents = 0}, {.fd = stop_, .events = POLLIN, .revents = 0}}};
    ::poll(waited.data(), waited.size(), -1);
    if (waited[2].revents != 0) break;
    if (waited[0].revents != 0) {
      const std::string said = read_some(client);
      if (said.empty()) break;
      Cut cut = cut_;
      if (cut != Cut::nothing && commit.in(said) && cut_.compare_exchange_strong(cut, Cut::nothing)) {
        ++cuts_;
        down_ = goes_down_.load();
        if (cut == Cut::before_commit) break;
        answer_is_lost = true;
      } else {
        commit.in(said);
      }
      if (!write_all(server, said)) break;
    }
    if (waited[1].revents != 0) {
      const std::string answered = read_some(server);
      // What the server says to COMMIT, it says after it is done.
      if (answered.empty() || (answer_is_lost && answered.find("COMMIT") != std::string::npos)) break;
      if (!answer_is_lost && !write_all(client, answered)) break;
    }
  }
  ::close(client);
  if (server >= 0) ::close(server);
}

}  // namespace chuyi::test
