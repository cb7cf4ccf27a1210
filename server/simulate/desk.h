#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/invoke/handler.h"
#include "engine/ports/definition.h"
#include "engine/ports/queries.h"
#include "engine/runtime/command.h"
#include "server/installation.h"

/// The desk at which the people of a rehearsal sit: what they can do and see, in process or over HTTP.
namespace chuyi::simulate {

/// An open task in somebody's inbox.
struct Work {
  std::string task, application, state;
  std::optional<Instant> due;
};

/// Where an application stands.
struct Standing {
  std::string application, status, state;
};

/// Each call is one request of one person. Errors: those of the command, with its code.
class Desk {
 public:
  virtual ~Desk() = default;

  /// @return the application's id.
  virtual Result<std::string> create(const Actor& who, const std::string& programme, const std::string& round, const std::string& title, const std::string& org) = 0;
  virtual Result<> save(const Actor& who, const std::string& application, const json::object& form) = 0;
  virtual Result<> attach(const Actor& who, const std::string& application, const std::string& kind, const std::string& bytes) = 0;
  /// @param reasons  why a soft rule is not kept, by its id.
  /// @return where the application, or the round, stands after it, as far as that is told.
  virtual Result<Standing> submit(const Actor& who, const std::string& application, const json::object& reasons) = 0;
  virtual Result<Standing> send(const Actor& who, const std::string& application, const std::string& event) = 0;
  virtual Result<Standing> complete(const Actor& who, const std::string& task, const std::string& outcome, const json::object& data) = 0;
  /// Of the notice of this title that is open now. Nobody is signed in.
  virtual Result<> object(const std::string& title, const std::string& reason) = 0;
  /// Every open task for this person of one kind, in any order.
  virtual Result<std::vector<Work>> inbox(const Actor& who, const std::string& kind) = 0;

  virtual Result<> create_round(const Actor& who, const json::object& round) = 0;
  virtual Result<> decide_round(const Actor& who, const std::string& round, const json::object& decision) = 0;
  /// A step of the review or with the pool of experts, "review.*" and "expert.*" of engine/runtime/review_commands.h, with their data.
  /// @return what is answered.
  virtual Result<json::object> review(const Actor& who, const std::string& kind, const json::object& data) = 0;
  /// What is kept of it to be verified elsewhere, byte for byte. @param what  "conflicts", "draws", "assignments", "results".
  virtual Result<std::string> exported(const Actor& who, const std::string& round, const std::string& what, const std::string& id) = 0;
  /// An assignment as it stands: its state and what became of the panels.
  virtual Result<json::object> assignment(const Actor& who, const std::string& round, const std::string& id) = 0;
  /// The list that was settled, as decide_round() takes it.
  virtual Result<json::object> settled(const Actor& who, const std::string& round) = 0;
  /// The round itself.
  virtual Result<Standing> round(const Actor& who, const std::string& round) = 0;
  /// Every application of the round, in any order.
  virtual Result<std::vector<Standing>> applications(const Actor& who, const std::string& round) = 0;
  /// Tasks that are open in it and timers that run: 0 is an application in which nothing can happen any more but what people send.
  virtual Result<std::size_t> pending(const Actor& who, const std::string& application) = 0;
  /// The mean of its signed sheets, as the panel closed.
  virtual Result<std::string> score(const Actor& who, const std::string& application) = 0;
  /// Awards in force or completed.
  virtual Result<std::size_t> awards(const std::string& programme, const std::string& round) = 0;

  /// Moves the clock, and does everything that becomes due on the way.
  virtual Result<> advance(Instant to) = 0;
};

/// Where a reply says that a session stands.
Standing standing_of(const json::object& reply);
/// Ids one after the other, for whoever makes applications one at a time: the same season has the same ones.
std::function<std::string()> counted_ids();
/// In place of an installation's own secret, so that persons have the same digests in each rehearsal.
inline constexpr const char* kSecret = "rehearsal";

/// What an installation holds before the first day.
using SetUp = std::function<Result<>(CommandService&)>;
/// Looks at it when the rehearsal is over.
using LookBack = std::function<Result<>(Queries&, const Definitions&, const InvokeRegistry&)>;
/// What is played. The desk is there during the call only.
using Play = std::function<Result<>(Desk&)>;

struct DeskOptions {
  const SharedFiles& files;
  Instant start;
  std::vector<std::string> users = {};  ///< who will sign in
  std::string administrator;            ///< one of them, who moves the clock
  std::string store = {};               ///< over HTTP: an empty database for several nodes; empty: an embedded one
};

/// In this process: store and documents in memory, a manual clock, the same commands as a server's.
Result<> at_memory_desk(const DeskOptions& options, const SetUp& set_up, const Play& play, const LookBack& look_back);
/// Over HTTP, on a server of its own in a temporary folder. Errors: also `rejected` "simulate.store" for a database in which there is something.
Result<> at_http_desk(const DeskOptions& options, const SetUp& set_up, const Play& play, const LookBack& look_back);

}  // namespace chuyi::simulate
