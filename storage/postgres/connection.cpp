#include "storage/postgres/connection.h"

#include <array>
#include <charconv>
#include <utility>

namespace chuyi::postgres {
namespace {

constexpr const char* kBadUrl = "chuyi.url";
constexpr Oid kText = 25;
constexpr Oid kBigint = 20;
constexpr Oid kBytes = 17;
constexpr Oid kTexts = 1009;
constexpr Oid kBigints = 1016;
/// Filters make many statements, none of which grows the memory of a long-lived connection.
constexpr std::size_t kStatementsMax = 200;
/// Answers that the server may have to hold back while we still write: few enough for the socket's buffer.
constexpr std::size_t kQueuedMax = 500;

void put_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 0xff);
}

/// The beginning of an array of one dimension without NULLs, as the server's array_recv() takes it.
std::string array_head(Oid element, std::size_t count) {
  std::string out;
  put_big_endian(out, count == 0 ? 0 : 1, 4);
  put_big_endian(out, 0, 4);
  put_big_endian(out, element, 4);
  if (count == 0) return out;
  put_big_endian(out, count, 4);
  put_big_endian(out, 1, 4);
  return out;
}

/// `sql` with $1, $2 … for each ? outside of quotes.
std::string numbered(const std::string& sql) {
  std::string out;
  int next = 1;
  bool quoted = false;
  for (const char c : sql) {
    if (c == '\'') quoted = !quoted;
    if (c == '?' && !quoted)
      out += "$" + std::to_string(next++);
    else
      out += c;
  }
  return out;
}

std::string field_of(const PGresult* result, int field) {
  const char* text = PQresultErrorField(result, field);
  return text == nullptr ? std::string{} : std::string{text};
}

/// libpq's own words about a URL hold parts of it, perhaps of a password whose special characters were not encoded.
void check_url(const std::string& url) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(PQconninfoParse(url.c_str(), nullptr), &PQconninfoFree);
  bool good = options != nullptr;
  for (const PQconninfoOption* each = options.get(); good && each->keyword != nullptr; ++each) {
    const std::string_view name = each->keyword;
    const std::string_view value = each->val == nullptr ? "" : each->val;
    if (name == "port") good = value.find_first_not_of("0123456789,") == std::string_view::npos;
    if (name == "host" || name == "dbname") good = value.find('@', 1) == std::string_view::npos;
  }
  if (!good) throw Failure{.state = kBadUrl, .message = "a URL that libpq cannot read"};
}

bool is_in_class(const Failure& failure, std::string_view prefix) { return failure.state.starts_with(prefix); }

}  // namespace

bool is_conflict(const Failure& failure) {
  // Serialisation failure and deadlock, a lock not had in time, and two who were the first to write the same key.
  return is_in_class(failure, "40") || failure.state == "55P03" ||
         (failure.state == "23505" && (failure.constraint == "idempotency_pkey" || failure.constraint == "sessions_pkey" || failure.constraint == "records_pkey"));
}

bool is_refusal(const Failure& failure) { return is_in_class(failure, "22") || is_in_class(failure, "23") || is_in_class(failure, "54"); }

Error error_of(const Failure& failure) {
  if (failure.state == kBadUrl)
    return Error{.kind = ErrorKind::invalid,
                 .code = "store.url",
                 .message = "Expected a URL of libpq, postgresql://[user@]host[:port]/database[?option=value], with %XX for the special characters of a name or password",
                 .message_zh = "数据库地址不符合要求，用户名、密码中的特殊字符请写成 %XX"};
  if (is_conflict(failure) || failure.state == "53300")
    return Error{.kind = ErrorKind::unavailable,
                 .code = "store.busy",
                 .message = "Expected others to let go of the same rows in time; try again",
                 .message_zh = "数据库繁忙，操作未保存，请稍后重试"};
  if (failure.state == "53100")
    return Error{.kind = ErrorKind::unavailable,
                 .code = "store.full",
                 .message = "Expected space on the disk of the database; free some and try again",
                 .message_zh = "存储空间不足，操作未保存，请稍后重试"};
  if (!failure.lost && is_refusal(failure))
    return Error{.kind = ErrorKind::unavailable,
                 .code = "store.constraint",
                 .message = "Expected rows that fit together, but found: " + failure.message,
                 .message_zh = "数据不一致，操作未保存"};
  return Error{.kind = ErrorKind::unavailable,
               .code = "store.io",
               .message = "Expected the database to answer, but found: " + failure.message,
               .message_zh = "数据存储暂时不可用，请稍后重试"};
}

Connection::Connection(const std::string& url, const Session& session) {
  check_url(url);
  // What the URL says counts over what stands before it, what stands after it over the URL.
  constexpr std::array kKeys = {"connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
                                "fallback_application_name", "target_session_attrs", "dbname", "client_encoding"};
  const std::array values = {"5", "10", "5", "3", "15000", "chuyi", "read-write", url.c_str(), "UTF8"};
  std::array<const char*, kKeys.size() + 1> keys{};
  std::array<const char*, kKeys.size() + 1> texts{};
  for (std::size_t i = 0; i < kKeys.size(); ++i) {
    keys[i] = kKeys[i];
    texts[i] = values[i];
  }
  connection_.reset(PQconnectdbParams(keys.data(), texts.data(), 1));
  if (PQstatus(connection_.get()) != CONNECTION_OK) lose("connect");
  PQsetNoticeReceiver(connection_.get(), [](void*, const PGresult*) {}, nullptr);
  const std::string settings =
      "SET default_transaction_isolation = 'read committed';"
      "SET lock_timeout = " + std::to_string(session.lock_wait_max.count()) + ";"
      "SET idle_in_transaction_session_timeout = " + std::to_string(session.pause_max.count()) + ";"
      // A reply is sent after the commit is on disk, whatever the database's own setting; a stricter one stays.
      "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
  const Answer set{PQexec(connection_.get(), settings.c_str())};
  if (PQresultStatus(set.get()) != PGRES_TUPLES_OK) throw failure_of(set.get());
  if (PQenterPipelineMode(connection_.get()) != 1) lose("pipeline");
}

void Connection::lose(const char* what) {
  throw Failure{.state = {}, .message = std::string{what} + ": " + PQerrorMessage(connection_.get()), .lost = true};
}

Failure Connection::failure_of(const PGresult* result) const {
  const std::string state = field_of(result, PG_DIAG_SQLSTATE);
  const bool lost = PQstatus(connection_.get()) != CONNECTION_OK || state.empty() || state.starts_with("08") || state.starts_with("57P") || state == "25P03";
  return {.state = state, .message = PQresultErrorMessage(result), .constraint = field_of(result, PG_DIAG_CONSTRAINT_NAME), .lost = lost};
}

const std::string& Connection::name_of(const Statement& statement) {
  if (const auto found = names_.find(statement.sql_); found != names_.end()) return found->second;
  static const std::string kUnnamed;
  const bool keep = names_.size() < kStatementsMax;
  const std::string name = keep ? "s" + std::to_string(++prepared_) : kUnnamed;
  std::vector<Oid> types;
  for (const Statement::Parameter& each : statement.parameters_) types.push_back(each.type);
  if (PQsendPrepare(connection_.get(), name.c_str(), numbered(statement.sql_).c_str(), static_cast<int>(types.size()), types.data()) != 1) lose("prepare");
  queued_.push_back(false);
  if (!keep) return kUnnamed;
  unproven_.push_back(statement.sql_);
  return names_.emplace(statement.sql_, name).first->second;
}

void Connection::queue(const Statement& statement) {
  if (queued_.size() >= kQueuedMax) flush();
  const std::string& name = name_of(statement);
  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;
  for (const Statement::Parameter& each : statement.parameters_) {
    values.push_back(each.bytes ? each.bytes->data() : nullptr);
    lengths.push_back(each.bytes ? static_cast<int>(each.bytes->size()) : 0);
    // Texts as bytes with a length: a NUL within is refused by the server, and does not cut the text short here.
    formats.push_back(each.type == kBigint ? 0 : 1);
  }
  if (PQsendQueryPrepared(connection_.get(), name.c_str(), static_cast<int>(values.size()), values.data(), lengths.data(), formats.data(), statement.binary_ ? 1 : 0) != 1) lose("send");
  queued_.push_back(true);
}

std::vector<Connection::Answer> Connection::flush() {
  if (PQpipelineSync(connection_.get()) != 1) lose("sync");
  std::optional<Failure> failure;
  std::vector<Answer> out;
  for (const bool wanted : std::exchange(queued_, {})) {
    Answer answer{PQgetResult(connection_.get())};
    if (!answer) lose("result");
    const ExecStatusType status = PQresultStatus(answer.get());
    if (status == PGRES_FATAL_ERROR && !failure) failure = failure_of(answer.get());
    if (failure && failure->lost) throw *failure;
    if (wanted) out.push_back(std::move(answer));
    if (PQgetResult(connection_.get()) != nullptr) lose("result");  // the end of this statement's answers
  }
  const Answer synced{PQgetResult(connection_.get())};
  if (PQresultStatus(synced.get()) != PGRES_PIPELINE_SYNC) lose("sync");
  // Whether a statement that was sent with a failed one got prepared is not known: it gets a new name.
  if (failure)
    for (const std::string& sql : unproven_) names_.erase(sql);
  unproven_.clear();
  if (failure) throw *failure;
  return out;
}

void Connection::execute(const std::string& sql) {
  if (PQexitPipelineMode(connection_.get()) != 1) lose("pipeline");
  const Answer answer{PQexec(connection_.get(), sql.c_str())};
  const ExecStatusType status = PQresultStatus(answer.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    Failure failure = failure_of(answer.get());
    PQenterPipelineMode(connection_.get());
    throw failure;
  }
  if (PQenterPipelineMode(connection_.get()) != 1) lose("pipeline");
}

bool Connection::take_notifications() {
  if (PQconsumeInput(connection_.get()) != 1) lose("notifications");
  bool any = false;
  while (PGnotify* each = PQnotifies(connection_.get())) {
    PQfreemem(each);
    any = true;
  }
  return any;
}

std::string Connection::Rows::text(int column) const {
  return {PQgetvalue(answer_.get(), row_, column), static_cast<std::size_t>(PQgetlength(answer_.get(), row_, column))};
}

std::int64_t Connection::Rows::number(int column) const {
  std::int64_t out = 0;
  const char* text = PQgetvalue(answer_.get(), row_, column);
  std::from_chars(text, text + PQgetlength(answer_.get(), row_, column), out);
  return out;
}

Connection::Statement& Connection::Statement::bind(std::string_view text) {
  parameters_.push_back({.type = kText, .bytes = std::string{text}});
  return *this;
}

Connection::Statement& Connection::Statement::bind(std::int64_t number) {
  parameters_.push_back({.type = kBigint, .bytes = std::to_string(number)});
  return *this;
}

Connection::Statement& Connection::Statement::bind(const std::vector<std::string>& texts) {
  std::string bytes = array_head(kText, texts.size());
  for (const std::string& each : texts) {
    put_big_endian(bytes, each.size(), 4);
    bytes += each;
  }
  parameters_.push_back({.type = kTexts, .bytes = std::move(bytes)});
  return *this;
}

Connection::Statement& Connection::Statement::bind(const std::vector<std::int64_t>& numbers) {
  std::string bytes = array_head(kBigint, numbers.size());
  for (const std::int64_t each : numbers) {
    put_big_endian(bytes, sizeof each, 4);
    put_big_endian(bytes, static_cast<std::uint64_t>(each), sizeof each);
  }
  parameters_.push_back({.type = kBigints, .bytes = std::move(bytes)});
  return *this;
}

Connection::Statement& Connection::Statement::bind_null() {
  parameters_.push_back({.type = kText, .bytes = {}});
  return *this;
}

Connection::Statement& Connection::Statement::bind_bytes(std::string_view bytes) {
  parameters_.push_back({.type = kBytes, .bytes = std::string{bytes}});
  return *this;
}

Connection::Statement& Connection::Statement::binary() {
  binary_ = true;
  return *this;
}

Connection::Rows Connection::Statement::rows() {
  run();
  return Rows{std::move(connection_.flush().back())};
}

}  // namespace chuyi::postgres
