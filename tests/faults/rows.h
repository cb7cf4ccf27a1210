#pragma once

#include <set>
#include <string>
#include <vector>

#include "engine/ports/store.h"

namespace chuyi::test {

/// The key that command `id` is sent with.
IdempotencyKey key_of(const std::string& id);
/// A command that writes session `id`, a task, a timer, an outbox entry and its audit record.
Update command(const std::string& id);
/// A command that a constraint refuses after some of it was written.
Update refused_command();
/// A command that writes over session "large", so that the log grows and the database does not.
Update large_command(int revision);

/// What a new process finds in a database file.
struct Found {
  std::string problem;        ///< empty when the file is whole and everything in it fits together
  std::set<std::string> ids;  ///< of command()s
};
/// Opens the store, which recovers it, and holds against each other: SQLite's integrity, the audit chain, and the rows of
/// every command, which are all there or none.
Found find_all(const std::string& path);

/// Opens the store and sends each of `ids` with its key; checks that it has one effect whether or not it is in `before`,
/// and that nothing else came or went. @return the problem, empty when there is none.
std::string send_again(const std::string& path, const std::vector<std::string>& ids, const std::set<std::string>& before);

}  // namespace chuyi::test
