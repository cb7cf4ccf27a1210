#include "server/cli/season.h"

#include <algorithm>
#include <memory>
#include <vector>

#include <boost/json/serialize.hpp>

#include "engine/base/decimal.h"
#include "server/client.h"
#include "server/http/message.h"

namespace chuyi {
namespace {

constexpr const char* kProvince = "430000";
constexpr const char* kStart = "2026-03-02T09:00:00+08:00";
constexpr std::size_t kApplications = 40;
constexpr std::size_t kAlliances = 8;

/// What went wrong, from deep inside a step; caught at the edge of this file.
struct UnexpectedAnswer {
  Error error;
};

/// Small, seeded, the same everywhere.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ULL + 1) {}
  std::size_t below(std::size_t count) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<std::size_t>((state_ >> 11) % count);
  }

 private:
  std::uint64_t state_;
};

/// One page with one line: small, but a PDF that readers open.
std::string small_pdf(const std::string& line) {
  const std::string content = "BT /F1 18 Tf 72 720 Td (" + line + ") Tj ET";
  const std::vector<std::string> objects = {
      "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
      "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
      "<< /Length " + std::to_string(content.size()) + " >>\nstream\n" + content + "\nendstream",
      "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"};
  std::string out = "%PDF-1.4\n";
  std::string table;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    std::string offset = std::to_string(out.size());
    offset.insert(0, 10 - offset.size(), '0');
    table += offset + " 00000 n \n";
    out += std::to_string(i + 1) + " 0 obj\n" + objects[i] + "\nendobj\n";
  }
  const std::string start = std::to_string(out.size());
  return out + "xref\n0 6\n0000000000 65535 f \n" + table + "trailer << /Size 6 /Root 1 0 R >>\nstartxref\n" + start + "\n%%EOF\n";
}

class Season {
 public:
  explicit Season(const SeasonOptions& options) : options_(options), client_(options.host, options.port), dice_(options.seed) {}

  json::object play() {
    advance(kStart);  // a server whose clock cannot be moved refuses here, before anything is written
    step("建立单位与账号", "Organisations and accounts");
    set_up_people();
    step("学校申报", "Colleges nominate");
    for (std::size_t i = 0; i < kApplications; ++i) nominate(i);
    step("市州教育局推荐", "Bureaus recommend");
    recommend();
    step("省厅资格审查", "Formal check");
    formal_checks();
    step("专家评审", "Expert review");
    review();
    step("审议", "Deliberation");
    deliberate();
    step("公示与异议", "Publicity and objections");
    publish();
    step("第一年年度考核", "First annual check");
    annual_check(1, "2027-03-25T09:00:00+08:00");
    step("第二年年度考核", "Second annual check");
    annual_check(2, "2028-03-25T09:00:00+08:00");
    return count();
  }

 private:
  struct Application {
    std::string id, programme, college;
  };

  void step(const std::string& zh, const std::string& en) { options_.progress(zh, en, step_++, 9); }

  // ── talking to the server ──────────────────────────────────────────────────────────────────────────

  ClientAnswer send(const std::string& method, const std::string& target, const std::string& body, const std::string& who,
                    int expected, std::map<std::string, std::string> headers = {}) {
    if (!who.empty()) headers["Authorization"] = "Bearer " + token(who);
    if (method == "POST") headers["Idempotency-Key"] = "season-" + std::to_string(++keys_);
    Result<ClientAnswer> answer = client_.request(method, target, body, headers);
    if (!answer) throw UnexpectedAnswer{answer.error()};
    if (answer->status != expected)
      throw UnexpectedAnswer{Error{.kind = ErrorKind::invalid,
                                   .code = "demo.answer",
                                   .message = "Expected " + std::to_string(expected) + " to " + method + " " + target + " as '" + who + "', but found " +
                                              std::to_string(answer->status) + ": " + answer->bytes.substr(0, 600)}};
    return std::move(*answer);
  }
  json::value post(const std::string& target, const json::value& body, const std::string& who, int expected = 200) {
    return send("POST", target, json::serialize(body), who, expected, {{"Content-Type", "application/json"}}).body;
  }
  json::value get(const std::string& target, const std::string& who) { return send("GET", target, "", who, 200).body; }

  const std::string& token(const std::string& user) {
    std::string& kept = tokens_[user];
    if (kept.empty()) {
      const std::string& password = user == "admin" ? options_.admin_password : options_.people_password;
      kept = string_or(post("/api/v1/login", json::object{{"user", user}, {"password", password}}, "").as_object(), "token");
    }
    return kept;
  }

  /// Every open task in a person's inbox, of one kind and state when given.
  std::vector<json::object> inbox(const std::string& who, const std::string& kind, const std::string& state = {}) {
    std::vector<json::object> out;
    std::string next = "/api/v1/tasks?limit=200&kind=" + kind;
    while (!next.empty()) {
      const json::value page = get(next, who);
      for (const json::value& item : page.as_object().at("items").as_array())
        if (state.empty() || string_or(item.as_object(), "state") == state) out.push_back(item.as_object());
      next = string_or(page.as_object(), "next");
    }
    // As they were nominated, for ids are random and the same seed plays the same season.
    const auto place = [&](const json::object& task) {
      const std::string id = string_or(task.at("application").as_object(), "id");
      return std::find_if(applications_.begin(), applications_.end(), [&](const Application& each) { return each.id == id; }) - applications_.begin();
    };
    std::stable_sort(out.begin(), out.end(), [&](const json::object& a, const json::object& b) { return place(a) < place(b); });
    return out;
  }
  void complete(const std::string& task, const std::string& who, const std::string& outcome, json::object data = {}) {
    post("/api/v1/tasks/" + task + "/complete", json::object{{"outcome", outcome}, {"data", std::move(data)}}, who);
  }
  void advance(const std::string& to) { post("/api/v1/admin/clock/advance", json::object{{"to", to}}, "admin"); }

  // ── the steps ──────────────────────────────────────────────────────────────────────────────────────

  const json::array& names(const char* key) const { return options_.names.at(key).as_array(); }
  std::string text(const char* key, std::size_t index) const {
    const json::array& list = names(key);
    return std::string{list[index % list.size()].as_string()};
  }

  void add_user(const std::string& id, const std::string& name, const std::string& role, const std::string& org) {
    post("/api/v1/admin/users",
         json::object{{"id", id}, {"name", name}, {"password", options_.people_password}, {"memberships", json::array{json::object{{"role", role}, {"org", org}}}}},
         "admin", 201);
  }

  void set_up_people() {
    for (const json::value& value : names("colleges")) {
      const json::object& college = value.as_object();
      const std::string id = string_or(college, "id");
      post("/api/v1/admin/organisations",
           json::object{{"id", id}, {"parent", string_or(college, "prefecture")}, {"level", "college"}, {"kind", string_or(college, "kind")}, {"name", string_or(college, "name")}, {"name_en", id}},
           "admin", 201);
      add_user(id, string_or(college, "name") + "申报人", "applicant", id);
    }
    const json::value organisations = get("/api/v1/organisations", "");
    for (const json::value& value : organisations.as_object().at("items").as_array())
      if (string_or(value.as_object(), "level") == "prefecture" && string_or(value.as_object(), "kind") != "department") {
        const std::string id = string_or(value.as_object(), "id");
        add_user("bureau-" + id, string_or(value.as_object(), "name") + "经办", "recommending-officer", id);
        bureaus_.push_back("bureau-" + id);
      }
    add_user("province-clerk", "省厅职成处经办", "provincial-officer", kProvince);
    add_user("province-lead", "省厅职成处负责人", "provincial-officer", kProvince);
    for (const json::value& value : names("reviewers")) {
      add_user(string_or(value.as_object(), "id"), string_or(value.as_object(), "name"), "reviewer", kProvince);
      reviewers_.push_back(string_or(value.as_object(), "id"));
    }
  }

  json::object common_form(std::size_t i) {
    const std::int64_t own = 10 + static_cast<std::int64_t>(dice_.below(30));
    const json::object budget{{"province", "20"}, {"local", "10"}, {"school", std::to_string(own) + ".5"}, {"enterprise", "25"}, {"total", std::to_string(own + 55) + ".5"},
                              {"y1", "25"}, {"y2", "20"}, {"y3", std::to_string(own + 10) + ".5"}};
    return {{"leader", json::object{{"name", text("leaders", i)}, {"title", i % 3 == 0 ? "正高级" : "副高级"}, {"phone", "1380000" + std::to_string(1000 + i)}}},
            {"period", json::object{{"start", "2026-09"}, {"end", "2029-08"}}},
            {"budget", budget},
            {"targets", json::array{json::object{{"indicator", "培养人数"}, {"unit", "人"}, {"baseline", 10}, {"y1", 20}, {"y2", 40}, {"y3", 60}}}},
            {"statement", "围绕区域产业需求，完善校企协同机制，按年度推进建设任务，形成可复制的经验。"}};
  }

  json::object workshop_form(std::size_t i, const std::string& college) {
    const json::object& craft = names("crafts")[i % names("crafts").size()].as_object();
    json::object out = common_form(i);
    out["craft"] = string_or(craft, "name");
    out["craft_kind"] = string_or(craft, "kind");
    out["school"] = json::object{{"name", college}, {"uscc", "12430000444877049U"}};
    out["enterprises"] = json::array{json::object{{"name", text("firms", i)}, {"uscc", "91350100M000100Y43"}}};
    out["agreement_end"] = "2029-12-31";
    out["host_master"] = text("masters", i);
    out["master_level"] = i % 2 == 0 ? "高级技师" : "省级以上技术能手";
    json::array members;
    for (std::size_t k = 0; k < 8; ++k) members.push_back(json::object{{"name", text("leaders", i + 3 + k)}, {"unit", college}, {"side", "学校"}});
    for (std::size_t k = 0; k < 4; ++k) members.push_back(json::object{{"name", text("masters", i + 5 + k)}, {"unit", text("firms", i + k % 2)}, {"side", "企业"}});
    out["members"] = std::move(members);
    out["tech_projects"] = json::array{json::object{{"title", string_or(craft, "name") + "工艺改进"}, {"partner", text("firms", i)}, {"money", "15.00"}}};
    out["awards"] = json::array{json::object{{"name", "全省职业院校技能竞赛"}, {"level", "省级"}, {"rank", "二等奖"}, {"year", 2024}}};
    out["area"] = std::to_string(60 + dice_.below(200)) + ".5";
    out["equip"] = "120.00";
    out["ent_equip"] = "45.00";
    for (const char* key : {"apprentices3", "exchange3", "patents", "courses"}) out[key] = static_cast<std::int64_t>(2 + dice_.below(20));
    out["target_apprentice"] = 45;
    return out;
  }

  json::object alliance_form(std::size_t i, const std::string& college) {
    json::object out = common_form(i);
    out["alliance_name"] = "湖南" + text("alliances", i) + "职教联盟";
    out["lead"] = json::array{json::object{{"name", college}, {"uscc", "12430000444877049U"}}};
    out["founded"] = "2020-05-01";
    out["charter_date"] = "2020-05-01";
    out["projects"] = json::array{json::object{{"kind", "产业学院"}, {"name", text("alliances", i) + "产业学院"}, {"partners", college + "、" + text("firms", i)}}};
    out["registered"] = "未登记";
    out["council"] = json::array{json::object{{"name", text("leaders", i)}, {"unit", college}, {"post", "理事长"}}};
    json::array members;
    for (const json::value& kind : names("kinds"))
      for (int k = 1; k <= 2; ++k)
        members.push_back(json::object{{"name", text("alliances", i) + std::string{kind.as_string()} + "成员" + std::to_string(k)}, {"kind", kind}, {"joined", "2021-03-01"}, {"agreement", "2021-02-20"}});
    out["members"] = std::move(members);
    out["prefectures"] = 5;
    for (const char* key : {"leading_enterprises", "meetings", "order_students", "training"}) out[key] = static_cast<std::int64_t>(3 + dice_.below(60));
    out["employment"] = "96.5";
    out["research_money"] = "180.00";
    out["platform_url"] = "https://example.cn/alliance/" + std::to_string(i);
    return out;
  }

  /// Drafts take no Idempotency-Key: where a balancer asked twice because the first answer was lost, what is there decides.
  void save_draft(const std::string& path, const json::object& form, const std::string& who) {
    try {
      send("PUT", path + "/draft", json::serialize(form), who, 200, {{"Content-Type", "application/json"}, {"If-Match", "\"1\""}});
    } catch (const UnexpectedAnswer&) {
      const json::value shown = get(path, who);
      if (canonical_json(object_or_empty(object_or_empty(shown.as_object(), "draft"), "data")) != canonical_json(form)) throw;
    }
  }

  void nominate(std::size_t i) {
    const json::object& college = names("colleges")[i % names("colleges").size()].as_object();
    const bool alliance = i < kAlliances;
    Application application{.id = {}, .programme = alliance ? "vocational-alliance" : "workshop", .college = string_or(college, "id")};
    const std::string name = string_or(college, "name");
    const json::object form = alliance ? alliance_form(i, name) : workshop_form(i, name);
    const std::string title = alliance ? string_or(form, "alliance_name") : string_or(form, "craft") + "工坊";
    application.id = string_or(
        post("/api/v1/applications", json::object{{"programme", application.programme}, {"round", "2026"}, {"title", title}}, application.college, 201).as_object(), "id");
    const std::string path = "/api/v1/applications/" + application.id;
    save_draft(path, form, application.college);
    const std::vector<std::string> kinds = alliance ? std::vector<std::string>{"charter", "commitment", "agreements"}
                                                    : std::vector<std::string>{"agreement", "commitment", "ethics"};
    for (const std::string& kind : kinds)
      send("POST", path + "/documents?kind=" + kind + "&name=" + percent_encode(kind + ".pdf"), small_pdf(kind + " " + application.id), application.college, 201,
           {{"Content-Type", "application/pdf"}});
    post(path + "/submit", json::object{}, application.college);
    applications_.push_back(std::move(application));
    if (i == kApplications - 1)  // the last college thinks better of it
      post(path + "/events", json::object{{"event", "applicant.withdraw"}}, string_or(college, "id"));
  }

  void recommend() {
    std::size_t seen = 0;
    for (const std::string& bureau : bureaus_)
      for (const json::object& task : inbox(bureau, "task")) {
        const std::string id = string_or(task, "id");
        ++seen;
        if (seen % 13 == 5) {
          complete(id, bureau, "decline", {{"opinion", "超出本市州推荐名额"}});
        } else if (seen % 9 == 3) {
          complete(id, bureau, "return", {{"opinion", "请补充校企共建协议的期限说明"}});
          const std::string application = string_or(task.at("application").as_object(), "id");
          for (const Application& each : applications_)
            if (each.id == application) post("/api/v1/applications/" + application + "/submit", json::object{}, each.college);
          for (const json::object& again : inbox(bureau, "task"))
            if (string_or(again.at("application").as_object(), "id") == application) complete(string_or(again, "id"), bureau, "recommend", {{"opinion", "已补充，同意推荐"}});
        } else {
          complete(id, bureau, "recommend", {{"opinion", "同意推荐"}});
        }
      }
  }

  void formal_checks() {
    std::size_t seen = 0;
    for (const json::object& task : inbox("province-clerk", "task", "formal_check")) {
      const bool unclear = ++seen == 4;
      json::object data{{"opinion", unclear ? "佐证材料不清晰，请补正" : "材料齐全"}};
      if (unclear) data["points"] = json::array{"佐证材料第3页扫描不清，请重新上传"};
      complete(string_or(task, "id"), "province-clerk", unclear ? "correct" : "pass", std::move(data));
    }
    for (const Application& each : applications_) {
      const json::value shown = get("/api/v1/applications/" + each.id, each.college);
      if (string_or(shown.as_object(), "state") == "correction") post("/api/v1/applications/" + each.id + "/submit", json::object{}, each.college);
    }
    for (const json::object& task : inbox("province-clerk", "task", "formal_check")) complete(string_or(task, "id"), "province-clerk", "pass", {{"opinion", "补正符合要求"}});
  }

  void review() {
    std::map<std::string, json::array> rubrics;
    for (const char* programme : {"workshop", "vocational-alliance"})
      rubrics[programme] = get(std::string{"/api/v1/programmes/"} + programme, "").as_object().at("rubric").as_object().at("criteria").as_array();
    for (const json::object& task : inbox("province-clerk", "panel-setup")) {
      const std::size_t size = 3 + dice_.below(3);
      const std::size_t first = dice_.below(reviewers_.size());
      json::array panel;
      for (std::size_t i = 0; i < size; ++i) panel.emplace_back(reviewers_[(first + i * 3) % reviewers_.size()]);
      complete(string_or(task, "id"), "province-clerk", "appoint", {{"reviewers", std::move(panel)}});
    }
    for (const std::string& reviewer : reviewers_)
      for (const json::object& task : inbox(reviewer, "sheet")) {
        json::object scores;
        for (const json::value& value : rubrics.at(string_or(task.at("application").as_object(), "programme"))) {
          const json::object& criterion = value.as_object();
          const Decimal weight = *Decimal::parse(string_or(criterion, "weight"));
          const Decimal share = Decimal::from_units(static_cast<std::int64_t>(70 + dice_.below(30)) * (Decimal::kScale / 100));
          scores[string_or(criterion, "id")] = (weight * share).to_string(2);
        }
        complete(string_or(task, "id"), reviewer, "sign", {{"scores", std::move(scores)}, {"comment", "基础扎实，目标可测。"}});
      }
  }

  void deliberate() {
    std::size_t seen = 0;
    for (const json::object& task : inbox("province-lead", "task", "deliberation"))
      complete(string_or(task, "id"), "province-lead", ++seen % 8 == 0 ? "not_select" : "select", {{"opinion", "经审议"}});
  }

  void publish() {
    const json::value open = get("/api/v1/notices?status=open&limit=200", "");
    std::vector<json::object> notices;
    for (const json::value& each : open.as_object().at("items").as_array()) notices.push_back(each.as_object());
    std::sort(notices.begin(), notices.end(), [](const json::object& a, const json::object& b) { return canonical_json(a.at("fields")) < canonical_json(b.at("fields")); });
    for (std::size_t i = 0; i < 2 && i < notices.size(); ++i)
      post("/api/v1/notices/" + string_or(notices[i], "id") + "/objections",
           json::object{{"objector", i == 0 ? "周某某" : "湖南某教育装备有限公司"}, {"contact", "demo@example.cn"}, {"reason", "申报材料中带徒人数与实际不符，附情况说明。"}}, "", 201);
    std::size_t seen = 0;
    for (const json::object& task : inbox("province-clerk", "objection"))
      complete(string_or(task, "id"), "province-clerk", seen++ == 0 ? "dismiss" : "uphold", {{"opinion", "经核查"}});
    advance("2026-03-12T09:00:00+08:00");
    for (const json::object& task : inbox("province-lead", "task", "re_examination")) complete(string_or(task, "id"), "province-lead", "decline", {{"opinion", "异议成立，不予认定"}});
  }

  json::object annual_form(const std::string& programme) {
    json::object out{{"invested", "30.00"}, {"execution", "92.5"}, {"summary", "按计划完成年度任务。"}};
    const std::vector<const char*> keys = programme == "workshop" ? std::vector<const char*>{"apprentices", "exchanges", "patents", "awards", "courses", "media"}
                                                                  : std::vector<const char*>{"members_net", "meetings", "shared", "students", "training", "updates"};
    for (const char* key : keys) out[key] = static_cast<std::int64_t>(1 + dice_.below(25));
    return out;
  }

  void file_reports(const char* kind) {
    for (const json::value& value : names("colleges")) {
      const std::string college = string_or(value.as_object(), "id");
      for (const json::object& task : inbox(college, kind))
        if (string_or(task, "state") != "plaque_return") complete(string_or(task, "id"), college, "report", std::string{kind} == "task" ? json::object{{"opinion", "整改完成"}}
                                                                                       : annual_form(string_or(task.at("application").as_object(), "programme")));
    }
  }

  void give_verdicts(int year, bool first_pass) {
    std::size_t seen = 0;
    for (const json::object& task : inbox("province-clerk", "annual-verdict")) {
      const std::size_t place = seen++;
      std::string verdict = place % 5 == 0 ? "excellent" : "qualified";
      if (first_pass && year == 1 && place == 2) verdict = "rectify";
      if (first_pass && year == 2 && place == 1) verdict = "unqualified";
      complete(string_or(task, "id"), "province-clerk", verdict, {{"opinion", "年度考核意见"}});
    }
  }

  void annual_check(int year, const std::string& to) {
    advance(to);
    file_reports("annual-report");
    give_verdicts(year, true);
    file_reports("task");  // what was to be put right
    file_reports("annual-report");
    give_verdicts(year, false);
    clear_up();
  }

  /// What a revoked award leaves behind.
  void clear_up() {
    for (const json::value& value : names("colleges")) {
      const std::string college = string_or(value.as_object(), "id");
      for (const json::object& task : inbox(college, "task", "plaque_return")) complete(string_or(task, "id"), college, "handed_in", {{"opinion", "标牌已交回"}});
    }
    for (const json::object& task : inbox("province-clerk", "task", "claw_back"))
      complete(string_or(task, "id"), "province-clerk", "settled", {{"plaque", "已交回"}, {"paid", "20.00"}, {"recovered", "12.50"}, {"basis", "年度考核不合格，追缴未使用资金"}});
  }

  json::object count() {
    std::map<std::string, std::int64_t> states;
    for (const Application& each : applications_) ++states[string_or(get("/api/v1/applications/" + each.id, each.college).as_object(), "state")];
    std::map<std::string, std::int64_t> awards;
    const json::value register_page = get("/api/v1/awards?limit=200", "");
    for (const json::value& award : register_page.as_object().at("items").as_array()) ++awards[string_or(award.as_object(), "status")];
    return {{"applications", static_cast<std::int64_t>(applications_.size())},
            {"awards", awards["in-force"] + awards["revoked"] + awards["completed"]},
            {"in_force", awards["in-force"]},
            {"revoked", awards["revoked"]},
            {"declined", states["declined"]},
            {"withdrawn", states["withdrawn"]},
            {"objections", 2}};
  }

  const SeasonOptions& options_;
  HttpClient client_;
  Dice dice_;
  std::map<std::string, std::string> tokens_;
  std::vector<std::string> bureaus_;
  std::vector<std::string> reviewers_;
  std::vector<Application> applications_;
  std::size_t step_ = 0;
  std::size_t keys_ = 0;
};

}  // namespace

Result<json::object> play_season(const SeasonOptions& options) {
  try {
    return Season(options).play();
  } catch (const UnexpectedAnswer& unexpected) {
    return unexpected.error;
  } catch (const std::exception& error) {
    return Error{.kind = ErrorKind::invalid, .code = "demo.answer", .message = std::string{"Expected another answer: "} + error.what()};
  }
}

}  // namespace chuyi
