#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "engine/ports/audit.h"
#include "storage/postgres/connection.h"
#include "storage/postgres/postgres.h"
#include "storage/postgres/rows.h"

namespace chuyi::postgres {

struct KnownReply {
  std::string digest;
  Reply reply;
};

/// What one transaction has read, locked, and not written yet.
struct Transaction {
  bool may_wait = false;  ///< for rows that others hold: one command alone, which holds nothing itself
  std::map<std::string, SessionRow, std::less<>> sessions;  ///< locked, as they are
  std::map<std::string, TaskRow, std::less<>> tasks;        ///< of locked sessions, as they are
  std::map<std::pair<std::string, std::string>, KnownReply> replies;  ///< actor and key → what was answered before
  std::set<std::pair<std::string, std::string>> keys;                 ///< used by its own commands
  std::vector<Write> unwritten;
  std::vector<std::pair<IdempotencyKey, const Reply*>> unwritten_keys;
  std::set<std::string, std::less<>> unwritten_sessions;

  /// `change` stays where it is until write().
  void add(Connection& db, const Change& change, bool fresh, const std::optional<IdempotencyKey>& key);
  /// Queues what is not written yet.
  void write(Connection& db);
};

/// The writers of one node: a few connections, each on a thread of its own, fed from one queue. A writer takes what
/// waits, its share of it, and runs it as one transaction: it locks and reads what the commands are about in one round
/// trip, decides them one after the other, and writes the rows of all in a few statements of many rows. When one of
/// these fails, all are run again, each alone.
///
/// **Rows.** What a command reads through its view to decide on is locked first and read then, so that it sees what
/// the last one wrote: commands of one session run one after the other on all nodes, those of others beside them. A
/// transaction of many commands waits for no row: a command whose rows others hold is taken out and run alone, because
/// whoever holds locks and waits for others may be waited for in turn.
///
/// **The audit chain** needs one order over all commands of all nodes. Its head is one row, locked last: from there
/// to the end of the commit a transaction stands alone, and waits for nobody. That is one round trip and one flush of
/// the server's log for each transaction, so a database does not commit more transactions in a second than its disk
/// flushes; the commands that share a transaction are what makes it more sign-offs than that.
///
/// **Claims.** What is due belongs to the node that has claimed it. A command that fires or delivers locks the row and
/// sees there whether another has claimed it meanwhile: a node that stood still past its lease changes nothing.
///
/// **Lost connections.** What was not committed for sure is run again. When the answer to COMMIT was lost, the head of
/// the chain is locked anew, which waits for the old transaction to end, and the audit record that it would have
/// written says whether it did.
class PostgresStore final : public Store {
 public:
  PostgresStore(PostgresOptions options, std::string node);
  ~PostgresStore() override;
  void update(Update update, Done done) override;

 private:
  using Steady = std::chrono::steady_clock;
  struct Waiting {
    Update update;
    Done done;
    std::optional<Result<Reply>> reply = {};  ///< nothing: to be tried again
    std::optional<Change> change = {};        ///< what it writes
    bool alone = false;                        ///< in a transaction of its own
    Error error = {};                          ///< why it is tried again
    std::optional<Steady::time_point> give_up = {};
  };
  void loop();
  /// The next group, empty when the store stops.
  std::vector<Waiting> take();
  /// Sets the reply of each command that has one now. @return whether the connection held.
  bool commit_group(std::unique_ptr<Connection>& db, std::vector<Waiting>& group);
  /// Locks and reads for all of them what they said they will ask for.
  void read_ahead(Connection& db, const std::vector<Waiting>& group, Transaction& transaction);
  void apply(Connection& db, Waiting& command, Transaction& transaction);
  Result<Reply> decide(Connection& db, Waiting& command, Transaction& transaction);
  /// Chains the audit records of `group` and commits. @param last  set before the commit to the head that it makes.
  void finish(Connection& db, std::vector<Waiting>& group, Transaction& transaction, std::optional<AuditHead>& last);
  /// Whether the transaction that would have made `last` was committed; nothing when the server did not say in time.
  std::optional<bool> was_committed(const AuditHead& last);
  /// The connection was lost in `group`: moves there, to be answered, what has waited for long enough, tried or not. To
  /// try each alone would keep the last of many waiting for minutes.
  void give_up(std::vector<Waiting>& group);
  void answer(std::vector<Waiting>& group);
  void pause(int failures);
  void listen();

  PostgresOptions options_;
  std::string node_;  ///< whose claims are its own
  Session session_;
  std::mutex mutex_;
  std::condition_variable changed_;  ///< of the writers alone: a wake-up that another takes would be lost
  std::condition_variable stopped_;
  std::deque<Waiting> queue_;
  std::size_t groups_ = 0;  ///< that are under way
  bool stopping_ = false;
  int wake_ = -1;  ///< eventfd that ends the listener's wait
  std::vector<std::thread> threads_;
};

/// Brings the schema to this release's version; several nodes may start at once.
void migrate(Connection& db);

}  // namespace chuyi::postgres
