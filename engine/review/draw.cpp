#include "engine/review/draw.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "engine/base/digest.h"

namespace chuyi::review {
namespace {

constexpr int kSeatsMax = 99;
constexpr std::size_t kStrataMax = 12;
constexpr std::size_t kTableMax = 200'000'000;  ///< entries (bits) of the table of what can be completed

int nibble(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

bool is_digest(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) { return nibble(c) >= 0; });
}

std::string bytes_of(std::string_view digits) {
  std::string out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) out += static_cast<char>(nibble(digits[i]) * 16 + nibble(digits[i + 1]));
  return out;
}

class Numbers {
 public:
  Numbers(std::string_view seed, std::string_view context) : start_(bytes_of(seed) + std::string{context}) {}

  std::uint64_t below(std::uint64_t n) {
    // 2^64 mod n, without the number 2^64.
    const std::uint64_t rest = (UINT64_MAX % n + 1) % n;
    for (;;)
      if (const std::uint64_t x = next(); rest == 0 || x < UINT64_MAX - rest + 1) return x % n;
  }

 private:
  std::uint64_t next() {
    if (at_ == block_.size()) {
      std::string message = start_;
      for (int shift = 56; shift >= 0; shift -= 8) message += static_cast<char>(counter_ >> shift & 0xFF);
      ++counter_;
      block_ = bytes_of(sha256_hex(message));
      at_ = 0;
    }
    std::uint64_t out = 0;
    for (int i = 0; i < 8; ++i) out = out << 8 | static_cast<unsigned char>(block_[at_++]);
    return out;
  }

  std::string start_, block_;
  std::size_t at_ = 0;
  std::uint64_t counter_ = 0;
};

/// How many are still to be taken in all, and what a stratum still lacks and may still take.
struct Bound {
  std::size_t stratum = 0;
  int at_least = 0, at_most = 0;
};

bool in(const std::vector<std::string>& list, const std::string& value) {
  return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

bool belongs(const Stratum& stratum, const Expert& expert) {
  return in(stratum.kinds, expert.kind) && in(stratum.regions, expert.region) && in(stratum.titles, expert.title) &&
         in(stratum.employers, expert.employer) && (!stratum.out_of_province || *stratum.out_of_province == expert.out_of_province) &&
         (stratum.fields.empty() ||
          std::any_of(expert.fields.begin(), expert.fields.end(), [&](const std::string& each) { return in(stratum.fields, each); }));
}

/// The first `seats` of an order with which every bound holds. For each suffix of the order a table says from which needs it
/// can complete a panel; a need is a number in mixed radix: seats left, and for each bound what was taken so far, up to
/// where more makes no difference (at_least without an upper bound, else at_most).
class Completion {
 public:
  /// @param members  for each place of the order, for each bound: belongs.
  Completion(std::vector<std::vector<bool>> members, int seats, std::vector<Bound> bounds)
      : members_(std::move(members)), seats_(seats), bounds_(std::move(bounds)) {
    radix_ = static_cast<std::size_t>(seats_) + 1;
    for (const Bound& each : bounds_) {
      limits_.push_back(each.at_most < seats_ ? each.at_most : std::min(each.at_least, seats_));
      if (fits_) fits_ = (radix_ *= static_cast<std::size_t>(limits_.back()) + 1) * (members_.size() + 1) <= kTableMax;
    }
    if (fits_) fill();
  }

  bool fits() const { return fits_; }
  bool feasible() const { return table_[0][0]; }

  /// Places of the order. feasible() must hold.
  std::vector<std::size_t> first() const {
    std::vector<std::size_t> out;
    std::size_t need = 0;
    for (std::size_t at = 0; at < members_.size() && out.size() < static_cast<std::size_t>(seats_); ++at)
      if (const std::optional<std::size_t> next = taken(need, at); next && table_[at + 1][*next]) {
        out.push_back(at);
        need = *next;
      }
    return out;
  }

 private:
  /// The need after taking the one at `at`; none when a bound or the seats forbid it.
  std::optional<std::size_t> taken(std::size_t need, std::size_t at) const {
    std::size_t rest = need, unit = 1, out = need;
    const std::size_t seats = static_cast<std::size_t>(seats_);
    if (rest % (seats + 1) == seats) return {};
    out += unit;
    rest /= seats + 1;
    unit *= seats + 1;
    for (std::size_t i = 0; i < bounds_.size(); ++i) {
      const std::size_t radix = static_cast<std::size_t>(limits_[i]) + 1;
      if (members_[at][i]) {
        if (rest % radix < radix - 1)
          out += unit;
        else if (bounds_[i].at_most < seats_)
          return {};
      }
      rest /= radix;
      unit *= radix;
    }
    return out;
  }

  bool complete(std::size_t need) const {
    const std::size_t seats = static_cast<std::size_t>(seats_);
    if (need % (seats + 1) != seats) return false;
    need /= seats + 1;
    for (std::size_t i = 0; i < bounds_.size(); ++i) {
      const std::size_t radix = static_cast<std::size_t>(limits_[i]) + 1;
      if (need % radix < static_cast<std::size_t>(bounds_[i].at_least)) return false;
      need /= radix;
    }
    return true;
  }

  void fill() {
    table_.assign(members_.size() + 1, std::vector<bool>(radix_));
    for (std::size_t need = 0; need < radix_; ++need) table_.back()[need] = complete(need);
    for (std::size_t at = members_.size(); at-- > 0;)
      for (std::size_t need = 0; need < radix_; ++need) {
        bool can = table_[at + 1][need];
        if (!can)
          if (const std::optional<std::size_t> next = taken(need, at)) can = table_[at + 1][*next];
        table_[at][need] = can;
      }
  }

  std::vector<std::vector<bool>> members_;
  int seats_;
  std::vector<Bound> bounds_;
  std::vector<int> limits_;
  std::size_t radix_ = 1;
  bool fits_ = true;
  std::vector<std::vector<bool>> table_;
};

struct Pool {
  std::vector<const Expert*> experts;
  json::array excluded;
};

Pool pool_of(const DrawInput& input) {
  Pool out;
  const Conflicts rules(input.policy, input.applications);
  for (const Expert& each : input.experts) {
    if (each.nominated_year < input.nominated_since) {
      out.excluded.push_back(json::object{{"expert", each.id}, {"reason", "not-nominated"}, {"applications", 0}});
      continue;
    }
    std::map<std::size_t, std::size_t> conflicts;  // application → the first rule
    for (const Conflict& found : rules.of(each)) conflicts.emplace(found.candidate, found.rule);
    if (conflicts.size() > static_cast<std::size_t>(input.conflicts_max))
      out.excluded.push_back(json::object{{"expert", each.id},
                                          {"reason", input.policy.rules[conflicts.begin()->second].rule},
                                          {"applications", static_cast<std::int64_t>(conflicts.size())}});
    else
      out.experts.push_back(&each);
  }
  return out;
}

std::int64_t count_in(const Stratum& stratum, const std::vector<const Expert*>& experts) {
  return std::count_if(experts.begin(), experts.end(), [&](const Expert* each) { return belongs(stratum, *each); });
}

class Draw {
 public:
  Draw(const DrawInput& input, std::vector<const Expert*> order) : input_(input), order_(std::move(order)) {}

  /// The panel leaves of each stratum what the spares need of it.
  Result<std::vector<const Expert*>> take_panel() {
    std::vector<Bound> bounds;
    for (std::size_t i = 0; i < input_.strata.size(); ++i) {
      const Stratum& each = input_.strata[i];
      const int left = std::max(0, static_cast<int>(count_in(each, order_)) - each.spares_at_least);
      bounds.push_back({.stratum = i, .at_least = each.at_least, .at_most = std::min(each.at_most, left)});
    }
    return take(input_.seats, bounds);
  }

  Result<std::vector<const Expert*>> take_spares() {
    std::vector<Bound> bounds;
    for (std::size_t i = 0; i < input_.strata.size(); ++i)
      bounds.push_back({.stratum = i, .at_least = input_.strata[i].spares_at_least, .at_most = input_.spares});
    return take(input_.spares, bounds);
  }

  /// The panel without the absent, and the first spares with whom it is complete again.
  Result<std::vector<const Expert*>> seat(const std::vector<const Expert*>& panel, const std::vector<const Expert*>& spares) {
    const auto absent = [&](const Expert* expert) {
      return std::find(input_.absent.begin(), input_.absent.end(), expert->id) != input_.absent.end();
    };
    std::vector<const Expert*> seated;
    std::remove_copy_if(panel.begin(), panel.end(), std::back_inserter(seated), absent);
    order_.clear();
    std::remove_copy_if(spares.begin(), spares.end(), std::back_inserter(order_), absent);
    std::vector<Bound> bounds;
    for (std::size_t i = 0; i < input_.strata.size(); ++i) {
      const int there = static_cast<int>(count_in(input_.strata[i], seated));
      bounds.push_back(
          {.stratum = i, .at_least = std::max(0, input_.strata[i].at_least - there), .at_most = input_.strata[i].at_most - there});
    }
    const Result<std::vector<const Expert*>> more = take(static_cast<int>(panel.size() - seated.size()), bounds);
    if (!more) return more;
    seated.insert(seated.end(), more->begin(), more->end());
    return seated;
  }

 private:
  /// The first `seats` of the order with which the bounds hold, taken out of it.
  Result<std::vector<const Expert*>> take(int seats, const std::vector<Bound>& bounds) {
    const Completion completion = complete(seats, bounds);
    if (!completion.fits())
      return Error{.kind = ErrorKind::too_large,
                   .code = "draw.size",
                   .message = "Expected fewer strata or seats: their combinations are too many",
                   .place = "/strata",
                   .message_zh = "分层条件或席位过多，组合数超限"};
    if (!completion.feasible()) return lacking(seats, bounds);
    std::vector<const Expert*> out;
    for (const std::size_t at : completion.first()) out.push_back(std::exchange(order_[at], nullptr));
    std::erase(order_, nullptr);
    return out;
  }

  Completion complete(int seats, const std::vector<Bound>& bounds) const {
    std::vector<std::vector<bool>> members(order_.size());
    for (std::size_t at = 0; at < order_.size(); ++at)
      for (const Bound& each : bounds) members[at].push_back(belongs(input_.strata[each.stratum], *order_[at]));
    return {std::move(members), seats, bounds};
  }

  /// Leaves out every bound without which it still cannot be: what remains is a smallest set that cannot hold together.
  Error lacking(int seats, std::vector<Bound> bounds) const {
    for (std::size_t i = bounds.size(); i-- > 0;) {
      std::vector<Bound> fewer = bounds;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      if (!complete(seats, fewer).feasible()) bounds = std::move(fewer);
    }
    std::vector<Detail> details;
    const std::string available = std::to_string(order_.size()), wanted = std::to_string(seats);
    if (bounds.empty())
      details.push_back({.place = "/seats",
                         .code = "draw.pool",
                         .message = "Expected " + wanted + " experts, but " + available + " may be drawn",
                         .message_zh = "需" + wanted + "名专家，可抽取的仅" + available + "名"});
    for (const Bound& each : bounds) {
      const Stratum& stratum = input_.strata[each.stratum];
      const std::int64_t count = count_in(stratum, order_);
      const std::string range = std::to_string(each.at_least) + "…" + std::to_string(each.at_most);
      details.push_back({.place = "/strata/" + std::to_string(each.stratum),
                         .code = "draw.stratum",
                         .message = "Expected " + range + " of '" + stratum.name + "' among " + wanted + ", but of " + available +
                                    " who may be drawn " + std::to_string(count) + " belong to it",
                         .message_zh = wanted + "名中需有“" + stratum.name + "”" + range + "名，可抽取的" + available + "名中属此类的有" +
                                       std::to_string(count) + "名"});
    }
    return {.kind = ErrorKind::rejected,
            .code = "draw.infeasible",
            .message = "Expected strata that can hold together with those who may be drawn; these cannot",
            .place = details.front().place,
            .message_zh = "可抽取的专家无法同时满足下列条件",
            .details = std::move(details)};
  }

  const DrawInput& input_;
  std::vector<const Expert*> order_;
};

json::array ids_of(const std::vector<const Expert*>& experts) {
  json::array out;
  for (const Expert* each : experts) out.push_back(json::value(each->id));
  return out;
}

/// N, or "p/q" of the seats, rounded up.
int read_share(Reader& from, std::string_view key, int seats) {
  const json::value* value = from.raw(key);
  if (value == nullptr) return 0;
  if (value->is_string()) {
    const std::string_view text = value->get_string();
    const std::size_t slash = text.find('/');
    const auto part = [](std::string_view digits) {
      return digits.empty() || digits.size() > 3 || digits.find_first_not_of("0123456789") != std::string_view::npos
                 ? -1
                 : std::stoi(std::string{digits});
    };
    const int p = part(text.substr(0, slash)), q = slash == std::string_view::npos ? -1 : part(text.substr(slash + 1));
    if (p >= 0 && q > 0 && p <= q) return (seats * p + q - 1) / q;
    from.wrong(key, "draw.share", "Expected a number of experts, or a share of the seats such as \"1/3\"",
               "应为人数，或席位的比例，如“1/3”");
    return 0;
  }
  return static_cast<int>(from.needed_whole(key, 0, seats));
}

Stratum read_stratum(Reader& from, int seats, int spares) {
  Stratum out{.name = from.id("name")};
  from.part("where", [&](Reader& where) {
    out.kinds = where.texts("kind");
    out.regions = where.texts("region");
    out.fields = where.texts("field");
    out.titles = where.texts("title");
    out.employers = where.texts("employer");
    if (where.has("out_of_province")) out.out_of_province = where.flag("out_of_province");
  });
  out.at_least = read_share(from, "at_least", seats);
  out.at_most = static_cast<int>(from.whole("at_most", seats, 0, seats));
  out.spares_at_least = static_cast<int>(from.whole("spares_at_least", 0, 0, spares));
  if (out.at_least > out.at_most)
    from.wrong("at_most", "draw.bounds", "Expected at_most to be no less than at_least", "at_most不得小于at_least");
  return out;
}

}  // namespace

Result<DrawInput> read_draw(const json::object& input) {
  std::vector<Detail> found;
  Reader from(input, "", found);
  DrawInput out{.context = from.id("context"), .commitment = from.id("commitment"), .seed = from.id("seed")};
  for (const auto& [key, digits] : {std::pair{"commitment", &out.commitment}, std::pair{"seed", &out.seed}})
    if (!is_digest(*digits)) from.wrong(key, "draw.hex", "Expected 64 lower-case hex digits", "应为64位小写十六进制数字");
  out.seats = static_cast<int>(from.needed_whole("seats", 1, kSeatsMax));
  out.spares = static_cast<int>(from.whole("spares", 0, 0, kSeatsMax));
  out.nominated_since = static_cast<int>(from.whole("nominated_since", 0, 0, 9999));
  out.absent = from.texts("absent");
  out.conflicts_max = static_cast<int>(from.whole("conflicts_max", 0, 0, 20'000));
  from.each("strata", kStrataMax, [&](Reader& each) { out.strata.push_back(read_stratum(each, out.seats, out.spares)); });
  out.experts = read_experts(from);
  out.applications = read_candidates(from);
  out.policy = read_conflict_policy(from);
  from.finish();
  if (!found.empty()) return error_of("review.input", std::move(found));
  return out;
}

std::string commitment_of(std::string_view seed, std::string_view context) { return sha256_hex(bytes_of(seed) + std::string{context}); }

Result<json::object> draw(const DrawInput& input) {
  if (commitment_of(input.seed, input.context) != input.commitment)
    return Error{.kind = ErrorKind::rejected,
                 .code = "draw.commitment",
                 .message = "Expected the seed that was committed to: SHA-256(seed ‖ context) is not the digest published",
                 .place = "/seed",
                 .message_zh = "种子与事先公布的承诺值不符"};
  Pool pool = pool_of(input);
  std::vector<const Expert*> order = pool.experts;
  Numbers numbers(input.seed, input.context);
  for (std::size_t i = order.size(); i-- > 1;) std::swap(order[i], order[numbers.below(i + 1)]);
  json::array ids = ids_of(order);
  Draw drawing(input, std::move(order));
  const Result<std::vector<const Expert*>> panel = drawing.take_panel();
  if (!panel) return panel.error();
  const Result<std::vector<const Expert*>> spares = drawing.take_spares();
  if (!spares) return spares.error();
  const Result<std::vector<const Expert*>> seated = drawing.seat(*panel, *spares);
  if (!seated) return seated.error();
  json::array strata;
  for (const Stratum& each : input.strata)
    strata.push_back(json::object{{"name", each.name},
                                  {"at_least", each.at_least},
                                  {"at_most", each.at_most},
                                  {"pool", count_in(each, pool.experts)},
                                  {"panel", count_in(each, *panel)},
                                  {"spares", count_in(each, *spares)}});
  return json::object{{"commitment", input.commitment},
                      {"pool", static_cast<std::int64_t>(pool.experts.size())},
                      {"order", std::move(ids)},
                      {"panel", ids_of(*panel)},
                      {"spares", ids_of(*spares)},
                      {"seated", ids_of(*seated)},
                      {"excluded", std::move(pool.excluded)},
                      {"strata", std::move(strata)}};
}

Result<json::object> run_draw(const json::object& input) {
  const Result<DrawInput> read = read_draw(input);
  if (!read) return read.error();
  return draw(*read);
}

}  // namespace chuyi::review
