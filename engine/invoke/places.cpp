#include "engine/invoke/places.h"

#include <algorithm>

#include "engine/base/digest.h"
#include "engine/invoke/limits.h"
#include "engine/invoke/rows_json.h"

namespace chuyi {
namespace {

/// One counter that the sign-off raises.
struct Counter {
  std::string name;
  const Limit* limit = nullptr;
  std::string key;        ///< of the organisation; of a form's field what stands there
  std::int64_t max = -1;  ///< -1: counted, not limited
  std::string kept;       ///< the counter of a place kept for this very organisation; tried first
};

bool is_text(const std::string& text) { return !text.empty() && text.size() <= 2'000; }

Detail too_many(const Counter& counter, std::int64_t taken) {
  const std::string numbers = std::to_string(taken) + "/" + std::to_string(counter.max);
  return {.place = "/limits/" + counter.limit->id,
          .code = "quota.places",
          .message = "Expected a place under '" + counter.limit->en + "', but " + numbers + " are taken" +
                     (counter.limit->scope == "form" ? "" : " by '" + counter.key + "'"),
          .message_zh = counter.limit->zh + "：名额" + std::to_string(counter.max) + "个，已用" + std::to_string(taken) + "个"};
}

class Taking {
 public:
  Taking(const StageContext& context, const TaskRow& task, const json::object& reasons, std::vector<StageEffect>& effects)
      : context_(context), task_(task), reasons_(reasons), effects_(effects), held_(strings_from_json(array_or_empty(context.application, "places"))) {}

  Result<Places> run(const std::string& at) {
    if (Result<> listed = list(at); !listed) return listed.error();
    for (const Counter& counter : counters_) take(counter);
    if (!unreasoned_.empty())
      return Error{.kind = ErrorKind::invalid,
                   .code = "rule.reason",
                   .message = "Expected a written reason for each rule that is not kept, as reasons.RULE",
                   .place = "/reasons",
                   .message_zh = "以下规则原则上应当遵守，确需突破的请逐条书面说明理由",
                   .details = std::move(unreasoned_)};
    if (!refused_.empty() && !excepted()) return refusal();
    if (!given_.empty()) effects_.emplace_back(SetFact{.key = "limit_reasons", .value = std::move(given_)});
    if (held_.size() != array_or_empty(context_.application, "places").size()) effects_.emplace_back(SetFact{.key = "places", .value = to_json(held_)});
    return ranked_ ? take_rank(*ranked_) : Result<Places>{Places{}};
  }

  Result<std::vector<std::string>> counted(const std::string& at) {
    if (Result<> listed = list(at); !listed) return listed.error();
    std::vector<std::string> out;
    for (const Counter& counter : counters_) {
      out.push_back(counter.name);
      if (!counter.kept.empty()) out.push_back(counter.kept);
    }
    return out;
  }

 private:
  Result<> list(const std::string& at) {
    const std::string round = string_or(context_.application, "round");
    context_.view.share_series(limits_series(round));  // nobody changes the rules until the places are taken
    limits_ = limits_for(context_.programme, string_or(context_.application, "programme"), round, context_.view.records(kLimitRecord, round));
    for (const Limit& limit : limits_) {
      if (limit.at != at) continue;
      if (limit.ranked) {
        ranked_ = &limit;
        continue;
      }
      if (Result<> listed = list_counters(limit); !listed) return listed;
    }
    // In one order for everybody: whoever waits for a counter holds none that comes after it.
    std::sort(counters_.begin(), counters_.end(), [](const Counter& a, const Counter& b) { return a.name < b.name; });
    return {};
  }

  std::string org_of(const Limit& limit) const {
    return limit.scope == "recommender" ? task_.org : string_or(object_or_empty(context_.application, "orgs"), limit.scope);
  }

  Result<> list_counters(const Limit& limit) {
    std::vector<std::string> keys;
    if (limit.scope == "form") {
      const json::value* form = context_.application.if_contains("form");
      keys = values_at(task_.seals || form == nullptr ? json::value(task_.data) : *form, limit.field);
      if (keys.size() > kLimitKeysMax)
        return Error{.kind = ErrorKind::invalid,
                     .code = "limit.keys",
                     .message = "Expected at most " + std::to_string(kLimitKeysMax) + " entries at '" + limit.field + "'",
                     .place = limit.field,
                     .message_zh = "该栏目的条目过多"};
    } else if (std::string org = org_of(limit); !org.empty()) {
      keys.push_back(std::move(org));
    }
    const std::string name = string_or(context_.application, "org_name");
    const bool designated = std::find(limit.designated.begin(), limit.designated.end(), name) != limit.designated.end();
    for (std::string& key : keys) {
      Counter counter{.name = counter_of(limit, key), .limit = &limit, .key = std::move(key)};
      if (limit.max) counter.max = limit.max_of(counter.key) - static_cast<std::int64_t>(limit.designated.size());
      if (designated) counter.kept = counter.name + "/kept/" + sha256_hex(name).substr(0, 16);
      const auto has = [&](const std::string& counted) { return std::find(held_.begin(), held_.end(), counted) != held_.end(); };
      if (!has(counter.name) && !(designated && has(counter.kept))) counters_.push_back(std::move(counter));
    }
    return {};
  }

  void take(const Counter& counter) {
    const std::int64_t taken = context_.view.series(counter.name);
    if (!counter.kept.empty() && context_.view.series(counter.kept) == 0) return raise(counter, counter.kept, 1);
    if (counter.max >= 0 && taken >= counter.max) {
      const bool reasoned = is_text(string_or(reasons_, counter.limit->id));
      if (!counter.limit->soft) refused_.push_back(too_many(counter, taken));
      if (counter.limit->soft && reasoned) given_[counter.limit->id] = reasons_.at(counter.limit->id);
      if (counter.limit->soft && !reasoned) {
        unreasoned_.push_back(too_many(counter, taken));
        unreasoned_.back().place = "/reasons/" + pointer_segment(counter.limit->id);
        unreasoned_.back().code = "rule." + counter.limit->id;
      }
    }
    raise(counter, counter.name, taken + 1);
  }

  void raise(const Counter& counter, const std::string& name, std::int64_t value) {
    effects_.emplace_back(SetSeries{.name = name, .value = value});
    const std::optional<RecordRow> shown = context_.view.record(kPlacesRecord, name);
    effects_.emplace_back(RecordRow{.kind = kPlacesRecord,
                                    .id = name,
                                    .about = counter.limit->group,
                                    .data = {{"rule", counter.limit->id}, {"key", counter.limit->scope == "form" ? std::string{} : counter.key}, {"taken", value}},
                                    .updated = context_.now,
                                    .revision = shown ? shown->revision + 1 : 1});
    held_.push_back(name);
  }

  /// Over the limit with what two people have granted for this application, rule by rule.
  bool excepted() {
    const std::optional<RecordRow> granted = context_.view.record(kExceptionRecord, context_.session_id);
    if (!granted || string_or(granted->data, "status") != "granted") return false;
    const std::vector<std::string> rules = strings_from_json(array_or_empty(granted->data, "rules"));
    return std::all_of(refused_.begin(), refused_.end(), [&](const Detail& each) {
      return std::find(rules.begin(), rules.end(), each.place.substr(each.place.rfind('/') + 1)) != rules.end();
    });
  }

  Error refusal() {
    Error out{.kind = ErrorKind::rejected,
              .code = "quota.places",
              .message = refused_.front().message + "; it can be recommended when a place becomes free, or with an exception that two people grant",
              .place = "/outcome",
              .message_zh = refused_.front().message_zh + "；待名额空出，或经双人批准的超限额例外后方可推荐",
              .details = std::move(refused_)};
    for (const std::string& outcome : task_.outcomes)
      if (outcome != task_.outcome) out.allowed.push_back(outcome);
    return out;
  }

  Result<Places> take_rank(const Limit& limit) {
    const std::string org = org_of(limit);
    const std::string programme = string_or(context_.application, "programme");
    const std::string round = string_or(context_.application, "round");
    std::optional<RecordRow> list = context_.view.record(kRankRecord, rank_id(programme, round, org));
    std::vector<std::string> order = list ? strings_from_json(array_or_empty(list->data, "order")) : std::vector<std::string>{};
    const std::string& id = context_.session_id;
    if (std::find(order.begin(), order.end(), id) == order.end())
      return Error{.kind = ErrorKind::rejected,
                   .code = "rank.missing",
                   .message = "Expected the application in the ranked list of '" + org + "' for '" + programme + "', round " + round + "; rank it first (" + limit.en + ")",
                   .place = "/outcome",
                   .message_zh = limit.zh + "：请先将该申报列入本单位的排序推荐名单"};
    const std::int64_t listed = std::find(order.begin(), order.end(), id) - order.begin() + 1;
    // Sent back and recommended again: it keeps the place that it has.
    for (const char* has : {"held", "excepted"})
      if (const std::vector<std::string> there = strings_from_json(array_or_empty(list->data, has)); std::find(there.begin(), there.end(), id) != there.end())
        return Places{.reserve = false, .rank = listed};
    for (const std::string& gone : strings_from_json(array_or_empty(list->data, "gone"))) std::erase(order, gone);
    const std::int64_t rank = std::find(order.begin(), order.end(), id) - order.begin() + 1;
    const std::int64_t max = rank_places(&limit, org);
    refused_ = {Detail{.place = "/limits/" + limit.id, .code = {}, .message = {}, .message_zh = {}}};
    const bool has_place = rank <= max && array_or_empty(list->data, "held").size() < static_cast<std::size_t>(max);
    const char* where = has_place ? "held" : excepted() ? "excepted" : "waiting";
    std::vector<std::string> there = strings_from_json(array_or_empty(list->data, where));
    if (std::find(there.begin(), there.end(), id) == there.end()) there.push_back(id);
    list->data[where] = to_json(there);
    list->data["max"] = max;
    list->data["sealed"] = true;
    list->updated = context_.now;
    ++list->revision;
    effects_.emplace_back(std::move(*list));
    return Places{.reserve = std::string_view{where} == "waiting", .rank = listed};
  }

  const StageContext& context_;
  const TaskRow& task_;
  const json::object& reasons_;
  std::vector<StageEffect>& effects_;
  std::vector<std::string> held_;
  std::vector<Limit> limits_;
  const Limit* ranked_ = nullptr;
  std::vector<Counter> counters_;
  std::vector<Detail> refused_;
  std::vector<Detail> unreasoned_;
  json::object given_;  ///< rule id → why it is not kept
};

}  // namespace

Result<Places> take_places(const StageContext& context, const TaskRow& task, const std::string& at, const json::object& reasons,
                           std::vector<StageEffect>& effects) {
  return Taking(context, task, reasons, effects).run(at);
}

Result<std::vector<std::string>> places_counted(const StageContext& context, const TaskRow& task, const std::string& at) {
  const json::object no_reasons;
  std::vector<StageEffect> none;
  return Taking(context, task, no_reasons, none).counted(at);
}

}  // namespace chuyi
