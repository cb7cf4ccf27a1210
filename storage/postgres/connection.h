#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libpq-fe.h>

#include "engine/base/result.h"

namespace chuyi::postgres {

/// A failed statement or a lost connection, inside this adapter only.
struct Failure {
  std::string state;  ///< SQLSTATE; may be empty when the connection was lost
  std::string message;
  std::string constraint = {};  ///< name of the one that was broken
  bool lost = false;            ///< the connection is of no more use; what it had open is or will be rolled back
};

/// "store.full", "store.busy", "store.constraint" or "store.io", all `unavailable`; `invalid` "store.url".
Error error_of(const Failure& failure);

/// Another transaction was in the way and this one can succeed when it is tried again.
bool is_conflict(const Failure& failure);
/// These rows will not be taken, however often they are tried; other commands may.
bool is_refusal(const Failure& failure);

/// What a connection asks of the server, for its whole life.
struct Session {
  std::chrono::milliseconds lock_wait_max{5'000};
  /// A transaction in which the client has said nothing for so long is ended by the server, and its locks with it.
  std::chrono::milliseconds pause_max{5'000};
};

/// One connection in pipeline mode, with its prepared statements: statements are queued and travel together, up to
/// the one whose rows are asked for. After a failure the rest of the queue is skipped by the server. Not thread-safe.
/// Throws Failure.
class Connection {
 public:
  Connection(const std::string& url, const Session& session);
  ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  struct Closed {
    void operator()(PGresult* result) const { PQclear(result); }
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  using Answer = std::unique_ptr<PGresult, Closed>;

  /// The rows of one answer; step() goes to the first, then to the next.
  class Rows {
   public:
    explicit Rows(Answer answer) : answer_(std::move(answer)) {}
    bool empty() const { return PQntuples(answer_.get()) == 0; }
    bool step() { return ++row_ < PQntuples(answer_.get()); }
    /// Empty where there is a NULL. Of a statement with binary rows the bytes as they are.
    std::string text(int column) const;
    bool is_null(int column) const { return PQgetisnull(answer_.get(), row_, column) == 1; }
    std::int64_t number(int column) const;

   private:
    Answer answer_;
    int row_ = -1;
  };

  /// A statement with its parameters. Written with ? for each of them, as in the other adapter.
  class Statement {
   public:
    Statement(Connection& connection, const std::string& sql) : connection_(connection), sql_(sql) {}
    Statement& bind(std::string_view text);
    Statement& bind(std::int64_t number);
    /// As one parameter, for unnest() and ANY().
    Statement& bind(const std::vector<std::string>& texts);
    Statement& bind(const std::vector<std::int64_t>& numbers);
    Statement& bind_null();
    Statement& bind_bytes(std::string_view bytes);
    /// Asks for the rows in PostgreSQL's binary format, in which a bytea is its bytes.
    Statement& binary();
    /// Queues it. A failure shows at the next rows() or flush().
    void run() { connection_.queue(*this); }
    /// Sends what is queued and this, and waits.
    Rows rows();

   private:
    friend class Connection;
    struct Parameter {
      Oid type;
      std::optional<std::string> bytes;
    };
    Connection& connection_;
    std::string sql_;
    std::vector<Parameter> parameters_;
    bool binary_ = false;
  };

  Statement prepare(const std::string& sql) { return {*this, sql}; }
  /// Sends what is queued and waits. @return the answers of its statements, in order.
  std::vector<Answer> flush();
  /// Runs statements without parameters, on an empty queue.
  void execute(const std::string& sql);
  /// For LISTEN: the socket to wait on, and whether notifications came.
  int socket() const { return PQsocket(connection_.get()); }
  bool take_notifications();

 private:
  void queue(const Statement& statement);
  const std::string& name_of(const Statement& statement);
  [[noreturn]] void lose(const char* what);
  Failure failure_of(const PGresult* result) const;

  std::unique_ptr<PGconn, Closed> connection_;
  std::map<std::string, std::string, std::less<>> names_;  ///< SQL → name of its prepared statement
  std::vector<std::string> unproven_;  ///< SQL that was sent to be prepared since the last flush
  std::uint64_t prepared_ = 0;
  std::vector<bool> queued_;  ///< for each answer to wait for: whether it is a statement's, not a preparation's
};

}  // namespace chuyi::postgres
