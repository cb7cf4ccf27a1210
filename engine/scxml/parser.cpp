#include <algorithm>
#include <array>
#include <atomic>
#include <optional>

#include "engine/base/json.h"
#include "engine/base/split.h"
#include "engine/scxml/chart_model.h"
#include "engine/scxml/interpreter.h"
#include "engine/scxml/lua_model.h"
#include "engine/scxml/messages_zh.h"
#include "engine/scxml/xml_gate.h"

namespace chuyi::scxml {
namespace {

constexpr std::string_view kScxmlNamespace = "http://www.w3.org/2005/07/scxml";
constexpr std::string_view kProfileNamespace = "urn:chuyi:workflow:1";
constexpr std::size_t kProblemsMax = 50;

std::string_view local_name(const char* qualified) {
  const std::string_view name = qualified;
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

/// The namespace a prefix stands for at `node`; empty when none is declared.
std::string_view namespace_of(pugi::xml_node node, std::string_view qualified) {
  const std::size_t colon = qualified.find(':');
  const std::string key =
      colon == std::string_view::npos ? "xmlns" : "xmlns:" + std::string{qualified.substr(0, colon)};
  for (; node; node = node.parent())
    if (const pugi::xml_attribute found = node.attribute(key.c_str())) return found.value();
  return {};
}

struct StringWriter final : pugi::xml_writer {
  std::string out;
  void write(const void* data, std::size_t size) override { out.append(static_cast<const char*>(data), size); }
};

/// An element that is cut out of its document takes the namespaces of its ancestors along.
void declare_namespaces(pugi::xml_node element) {
  if (element.type() != pugi::node_element) return;
  for (pugi::xml_node ancestor = element.parent(); ancestor; ancestor = ancestor.parent())
    for (const pugi::xml_attribute& each : ancestor.attributes()) {
      const std::string_view name = each.name();
      if ((name == "xmlns" || name.starts_with("xmlns:")) && !element.attribute(each.name()))
        element.append_attribute(each.name()).set_value(each.value());
    }
}

/// Inner text; with element children, their source text.
std::string inner_text(const pugi::xml_node& node) {
  const bool elements = std::any_of(node.begin(), node.end(),
                                    [](const pugi::xml_node& child) { return child.type() == pugi::node_element; });
  if (elements) {
    StringWriter writer;
    for (pugi::xml_node child : node) {
      declare_namespaces(child);
      child.print(writer, "", pugi::format_raw);
    }
    return writer.out;
  }
  std::string out;
  for (const pugi::xml_node& child : node)
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) out += child.value();
  return out;
}

bool is_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80; };
  return letter(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-'; });
}

class Parser {
 public:
  Parser(const XmlDocument& document, Chart& chart, bool lazy_expressions, const ReadSource& read)
      : document_(document), chart_(chart), lazy_expressions_(lazy_expressions), read_(read) {}

  std::vector<Detail> run() {
    const pugi::xml_node root = document_.dom.document_element();
    refuse_inclusions(root);
    if (local_name(root.name()) != "scxml" || namespace_of(root, root.name()) != kScxmlNamespace) {
      problem(root, "scxml.root",
              "Expected the root element <scxml xmlns=\"http://www.w3.org/2005/07/scxml\">, but found <" +
                  std::string{root.name()} + ">");
      return problems_;
    }
    read_root(root);
    if (problems_.empty()) resolve();
    if (problems_.empty() && !lazy_expressions_) compile();
    return std::move(problems_);
  }

 private:
  struct PendingTargets {
    Index transition;
    std::vector<std::string> ids;
    pugi::xml_node node;
    bool initial;  ///< default entry: the targets must be descendants of the source
  };

  void problem(std::string place, std::string code, std::string message) {
    std::string message_zh = message_zh_of(code, message);
    if (problems_.size() < kProblemsMax)
      problems_.push_back({.place = std::move(place), .code = std::move(code), .message = std::move(message), .message_zh = std::move(message_zh)});
  }
  void problem(const pugi::xml_node& node, std::string code, std::string message) {
    problem(document_.place(node), std::move(code), std::move(message));
  }

  /// Refuses attributes of no namespace that the element does not have.
  void check_attributes(const pugi::xml_node& node, std::initializer_list<std::string_view> known) {
    for (const pugi::xml_attribute& attribute : node.attributes()) {
      const std::string_view name = attribute.name();
      if (name.find(':') != std::string_view::npos || name == "xmlns") continue;
      if (std::find(known.begin(), known.end(), name) == known.end())
        problem(document_.place(attribute), "scxml.attribute",
                "Expected an attribute of <" + std::string{node.name()} + ">, but found '" + std::string{name} + "'");
    }
  }

  std::optional<std::string> attribute(const pugi::xml_node& node, const char* name) {
    const pugi::xml_attribute found = node.attribute(name);
    if (!found) return std::nullopt;
    return std::string{found.value()};
  }
  std::string text_or_empty(const pugi::xml_node& node, const char* name) {
    return attribute(node, name).value_or(std::string{});
  }
  std::string required(const pugi::xml_node& node, const char* name) {
    std::optional<std::string> value = attribute(node, name);
    if (!value || value->empty())
      problem(node, "scxml.required", "Expected attribute '" + std::string{name} + "' of <" + node.name() + ">");
    return value.value_or(std::string{});
  }
  std::string profile(const pugi::xml_node& node, std::string_view name) {
    for (const pugi::xml_attribute& each : node.attributes())
      if (local_name(each.name()) == name && std::string_view{each.name()}.find(':') != std::string_view::npos &&
          namespace_of(node, each.name()) == kProfileNamespace)
        return each.value();
    return {};
  }

  Script script(std::string source, std::string place) {
    Script out{.source = std::move(source), .place = std::move(place), .id = static_cast<Index>(chart_.scripts.size())};
    chart_.scripts.push_back(out);
    return out;
  }
  Script expression(const pugi::xml_node& node, const char* name) {
    const pugi::xml_attribute found = node.attribute(name);
    if (!found) return {};
    return script("return " + std::string{found.value()} + "\n", document_.place(found));
  }
  Script location(const pugi::xml_node& node, const char* name) {
    const pugi::xml_attribute found = node.attribute(name);
    if (!found) return {};
    return assignment(found.value(), document_.place(found));
  }
  Script assignment(std::string_view to, std::string place) {
    const std::string_view root = to.substr(0, to.find_first_of(" \t\r\n.[:("));
    if (root == "local") problem(place, "scxml.location", "Expected a variable or a place in a table, but found '" + std::string{to} + "'");
    // SCXML 5.10: such an attempt fails when it is made.
    if (is_system_variable(root)) return script("error(\"attempt to change '" + std::string{root} + "', which belongs to the system\", 0)\n", std::move(place));
    return script(std::string{to} + " = ...\n", std::move(place));
  }
  void exclusive(const pugi::xml_node& node, const char* a, const char* b) {
    if (node.attribute(a) && node.attribute(b))
      problem(node, "scxml.exclusive",
              "Expected one of the attributes '" + std::string{a} + "' and '" + b + "' of <" + node.name() + ">");
  }

  /// XInclude would pull in what nobody has checked.
  void refuse_inclusions(const pugi::xml_node& root) {
    struct Walker final : pugi::xml_tree_walker {
      Parser* parser = nullptr;
      bool for_each(pugi::xml_node& node) override {
        if (node.type() == pugi::node_element && namespace_of(node, node.name()) == "http://www.w3.org/2001/XInclude")
          parser->problem(node, "xml.include", "Expected no XInclude; put the content into the document");
        return true;
      }
    } walker;
    walker.parser = this;
    pugi::xml_node start = root;
    start.traverse(walker);
  }

  static bool is_scxml(const pugi::xml_node& node) {
    return node.type() == pugi::node_element && namespace_of(node, node.name()) == kScxmlNamespace;
  }

  void unknown_child(const pugi::xml_node& child) {
    problem(child, "scxml.element",
            "Expected no <" + std::string{child.name()} + "> inside <" + child.parent().name() + ">");
  }

  Index add_state(const pugi::xml_node& node, StateKind kind, Index parent) {
    const auto index = static_cast<Index>(chart_.states.size());
    State state;
    state.kind = kind;
    state.parent = parent;
    state.place = document_.place(node);
    state.id = kind == StateKind::root ? std::string{} : text_or_empty(node, "id");
    if (!state.id.empty() && !chart_.by_id.try_emplace(state.id, index).second)
      problem(node, "scxml.duplicate_id", "Expected each id once, but found '" + state.id + "' again");
    state.title_zh = profile(node, "title");
    state.title_en = profile(node, "title-en");
    state.stage = profile(node, "stage");
    if (state.stage.empty() && parent != kNone) state.stage = chart_.at(parent).stage;
    chart_.states.push_back(std::move(state));
    return index;
  }
  /// SCXML 3.14: a state without id gets one that no other state has. Titles that are not given are the ids.
  void complete_names() {
    for (std::size_t i = 0; i < chart_.states.size(); ++i) {
      State& self = chart_.states[i];
      if (i > 0 && self.id.empty()) {
        self.id = "_s" + std::to_string(i);
        while (!chart_.by_id.try_emplace(self.id, static_cast<Index>(i)).second) self.id += '_';
      }
      if (self.title_zh.empty()) self.title_zh = self.id;
      if (self.title_en.empty()) self.title_en = self.id;
    }
    chart_.title_zh = state(0).title_zh;
    chart_.title_en = state(0).title_en;
  }
  State& state(Index index) { return chart_.states[static_cast<std::size_t>(index)]; }

  void read_root(const pugi::xml_node& node) {
    check_attributes(node, {"initial", "name", "version", "datamodel", "binding", "id"});
    chart_.name = text_or_empty(node, "name");
    if (required(node, "version") != "1.0") problem(node, "scxml.version", "Expected version=\"1.0\"");
    const std::string datamodel = attribute(node, "datamodel").value_or("lua");
    if (datamodel == "null")
      chart_.datamodel = DataModelKind::null;
    else if (datamodel != "lua")
      problem(node, "scxml.datamodel", "Expected datamodel \"lua\" or \"null\", but found '" + datamodel + "'");
    const std::string binding = attribute(node, "binding").value_or("early");
    if (binding != "early" && binding != "late")
      problem(node, "scxml.binding", "Expected binding \"early\" or \"late\", but found '" + binding + "'");
    chart_.late_binding = binding == "late";
    chart_.http_events = split(profile(node, "http-events"));
    const Index root = add_state(node, StateKind::root, kNone);
    for (const pugi::xml_node& child : node) {
      if (!is_scxml(child)) continue;
      const std::string_view name = local_name(child.name());
      if (name == "script" && !chart_.script)
        chart_.script = read_script(child);
      else if (!read_child_state(child, name, root) && !(name == "datamodel" && (read_datamodel(child, root), true)))
        unknown_child(child);
    }
    finish_state(root, node);
    complete_names();
  }

  /// What `src` names, or the inline text.
  std::string text_or_source(const pugi::xml_node& node) {
    const pugi::xml_attribute src = node.attribute("src");
    if (!src) return inner_text(node);
    const Result<std::string> text = read_ ? read_(src.value()) : Error{.message = "nothing can be read here"};
    if (!text)
      problem(document_.place(src), "scxml.src", "Expected to read '" + std::string{src.value()} + "', but: " + text.error().message);
    return text ? *text : std::string{};
  }

  Script read_script(const pugi::xml_node& node) {
    check_attributes(node, {"src"});
    if (node.attribute("src") && inner_text(node).find_first_not_of(" \t\r\n") != std::string::npos)
      problem(node, "scxml.exclusive", "Expected 'src' or inline content of <script>");
    return script(text_or_source(node), document_.place(node));
  }

  bool read_child_state(const pugi::xml_node& node, std::string_view name, Index parent) {
    StateKind kind{};
    if (name == "state")
      kind = StateKind::atomic;
    else if (name == "parallel")
      kind = StateKind::parallel;
    else if (name == "final")
      kind = StateKind::final;
    else if (name == "history")
      kind = StateKind::history_shallow;
    else
      return false;
    if (kind == StateKind::history_shallow) {
      if (state(parent).kind == StateKind::root) {
        unknown_child(node);
        return true;
      }
      read_history(node, parent);
      return true;
    }
    if (kind == StateKind::final && state(parent).kind == StateKind::parallel) {
      unknown_child(node);
      return true;
    }
    const Index index = add_state(node, kind, parent);
    state(parent).children.push_back(index);
    read_state_body(node, index);
    return true;
  }

  void read_state_body(const pugi::xml_node& node, Index index) {
    const bool final = state(index).kind == StateKind::final;
    if (state(index).kind == StateKind::atomic)
      check_attributes(node, {"id", "initial"});
    else
      check_attributes(node, {"id"});
    pugi::xml_node initial;
    for (const pugi::xml_node& child : node) {
      if (!is_scxml(child)) continue;
      const std::string_view name = local_name(child.name());
      if (name == "onentry" || name == "onexit") {
        check_attributes(child, {});
        Block block = read_block(child);
        auto& blocks = name == "onentry" ? state(index).on_entry : state(index).on_exit;
        blocks.push_back(std::move(block));
      } else if (final) {
        if (name == "donedata" && !state(index).has_donedata) {
          check_attributes(child, {});
          state(index).has_donedata = true;
          state(index).donedata = read_payload(child);
        } else {
          unknown_child(child);
        }
      } else if (name == "transition") {
        state(index).transitions.push_back(read_transition(child, index, false));
      } else if (name == "initial" && state(index).kind != StateKind::parallel && !initial) {
        initial = child;
      } else if (name == "datamodel") {
        read_datamodel(child, index);
      } else if (name == "invoke") {
        InvokeElement invoke = read_invoke(child);
        state(index).invokes.push_back(std::move(invoke));
      } else if (!read_child_state(child, name, index)) {
        unknown_child(child);
      }
    }
    if (initial) {
      if (node.attribute("initial"))
        problem(initial, "scxml.exclusive", "Expected an initial attribute or an <initial> element, not both");
      read_initial_element(initial, index);
    }
    finish_state(index, node);
  }

  void read_initial_element(const pugi::xml_node& node, Index index) {
    pugi::xml_node transition;
    for (const pugi::xml_node& child : node) {
      if (!is_scxml(child)) continue;
      if (local_name(child.name()) != "transition" || transition) return unknown_child(child);
      transition = child;
    }
    if (!transition || !transition.attribute("target") || transition.attribute("event") || transition.attribute("cond"))
      return problem(node, "scxml.initial", "Expected <initial> to hold one transition with a target and nothing else");
    state(index).initial = read_transition(transition, index, true);
  }

  /// Default entry and kind of a state whose children are known.
  void finish_state(Index index, const pugi::xml_node& node) {
    State& self = state(index);
    self.last_descendant = static_cast<Index>(chart_.states.size()) - 1;
    if (self.kind == StateKind::atomic && !self.children.empty()) self.kind = StateKind::compound;
    const bool compound = self.kind == StateKind::compound || self.kind == StateKind::root;
    const std::optional<std::string> initial = attribute(node, "initial");
    if (initial && (!compound || self.children.empty()))
      problem(node, "scxml.initial", "Expected no 'initial' on a state without children");
    if (!compound || self.initial != kNone) return;
    if (self.children.empty()) return problem(node, "scxml.empty", "Expected at least one state inside <" + std::string{node.name()} + ">");
    Transition transition{.source = index, .place = document_.place(node)};
    const auto id = static_cast<Index>(chart_.transitions.size());
    if (initial)
      pending_.push_back({id, split(*initial), node, true});
    else
      transition.targets = {self.children.front()};
    self.initial = id;
    chart_.transitions.push_back(std::move(transition));
  }

  void read_history(const pugi::xml_node& node, Index parent) {
    check_attributes(node, {"id", "type"});
    const std::string type = attribute(node, "type").value_or("shallow");
    if (type != "shallow" && type != "deep")
      problem(node, "scxml.history", "Expected history type \"shallow\" or \"deep\", but found '" + type + "'");
    const Index index = add_state(node, type == "deep" ? StateKind::history_deep : StateKind::history_shallow, parent);
    state(index).last_descendant = index;
    state(parent).histories.push_back(index);
    pugi::xml_node transition;
    for (const pugi::xml_node& child : node) {
      if (!is_scxml(child)) continue;
      if (local_name(child.name()) != "transition" || transition)
        unknown_child(child);
      else
        transition = child;
    }
    if (!transition || !transition.attribute("target") || transition.attribute("event") || transition.attribute("cond"))
      return problem(node, "scxml.history", "Expected <history> to hold one transition with a target and no event or cond");
    state(index).initial = read_transition(transition, index, true);
  }

  Index read_transition(const pugi::xml_node& node, Index source, bool initial) {
    check_attributes(node, {"event", "cond", "target", "type"});
    Transition out{.source = source, .place = document_.place(node)};
    if (const auto events = attribute(node, "event")) {
      for (std::string& token : split(*events)) {
        if (token == ".*") token = "*";
        if (token.ends_with(".*")) token.resize(token.size() - 2);
        if (token.size() > 1 && token.ends_with('.')) token.pop_back();
        out.events.push_back(std::move(token));
      }
      if (out.events.empty()) problem(node, "scxml.event", "Expected an event descriptor");
    }
    out.cond = expression(node, "cond");
    const std::string type = attribute(node, "type").value_or("external");
    if (type != "external" && type != "internal")
      problem(node, "scxml.transition_type", "Expected type \"internal\" or \"external\", but found '" + type + "'");
    if (type == "internal") out.kind = TransitionKind::internal;
    const std::optional<std::string> target = attribute(node, "target");
    if (!target && out.events.empty() && !out.cond && !initial)
      problem(node, "scxml.transition", "Expected at least one of event, cond and target");
    out.actions = read_block(node);
    const auto id = static_cast<Index>(chart_.transitions.size());
    if (target) pending_.push_back({id, split(*target), node, initial});
    chart_.transitions.push_back(std::move(out));
    return id;
  }

  void read_datamodel(const pugi::xml_node& node, Index index) {
    check_attributes(node, {});
    for (const pugi::xml_node& child : node) {
      if (!is_scxml(child)) continue;
      if (local_name(child.name()) != "data") {
        unknown_child(child);
        continue;
      }
      check_attributes(child, {"id", "src", "expr"});
      DataItem item{.id = required(child, "id"), .place = document_.place(child)};
      if (chart_.datamodel == DataModelKind::lua && !item.id.empty() && !is_identifier(item.id))
        problem(child, "scxml.data_id", "Expected a Lua variable name, but found '" + item.id + "'");
      if (!item.id.empty() && !chart_.data_ids.insert(item.id).second)
        problem(child, "scxml.duplicate_id", "Expected each data id once, but found '" + item.id + "' again");
      exclusive(child, "src", "expr");
      item.expr = expression(child, "expr");
      const bool has_src = !child.attribute("src").empty();
      if (inner_text(child).find_first_not_of(" \t\r\n") != std::string::npos && (item.expr || has_src))
        problem(child, "scxml.exclusive", "Expected one of 'expr', 'src' and inline content");
      item.text = text_or_source(child);
      item.has_text = item.text.find_first_not_of(" \t\r\n") != std::string::npos;
      state(index).data.push_back(std::move(item));
    }
  }

  Payload read_payload(const pugi::xml_node& node) {
    Payload out;
    if (const auto names = attribute(node, "namelist"))
      for (const std::string& name : split(*names)) {
        const std::string place = document_.place(node.attribute("namelist"));
        out.params.push_back({.name = name,
                              .value = script("return " + name + "\n", place),
                              .location = assignment(name, place),
                              .variable = is_identifier(name) ? name : std::string{},
                              .from_namelist = true});
      }
    for (const pugi::xml_node& child : node) {
      if (!is_scxml(child)) continue;
      const std::string_view name = local_name(child.name());
      if (name == "param") {
        check_attributes(child, {"name", "expr", "location"});
        exclusive(child, "expr", "location");
        Param param{.name = required(child, "name"), .value = expression(child, "expr"), .location = {}};
        if (child.attribute("location")) {
          param.value = expression(child, "location");
          param.location = location(child, "location");
          if (is_identifier(child.attribute("location").value())) param.variable = child.attribute("location").value();
        }
        if (!param.value) problem(child, "scxml.required", "Expected 'expr' or 'location' of <param>");
        out.params.push_back(std::move(param));
      } else if (name == "content") {
        check_attributes(child, {"expr"});
        if (out.has_content) problem(child, "scxml.element", "Expected one <content>");
        out.has_content = true;
        out.content_expr = expression(child, "expr");
        out.content_text = inner_text(child);
        if (out.content_expr && out.content_text.find_first_not_of(" \t\r\n") != std::string::npos)
          problem(child, "scxml.exclusive", "Expected 'expr' or inline content of <content>");
      } else if (name != "finalize" || local_name(node.name()) != "invoke") {
        unknown_child(child);
      }
    }
    if (out.has_content && !out.params.empty() && local_name(node.name()) != "invoke")
      problem(node, "scxml.exclusive", "Expected <content>, or parameters, not both");
    return out;
  }

  InvokeElement read_invoke(const pugi::xml_node& node) {
    check_attributes(node, {"type", "typeexpr", "src", "srcexpr", "id", "idlocation", "namelist", "autoforward"});
    exclusive(node, "type", "typeexpr");
    exclusive(node, "src", "srcexpr");
    exclusive(node, "id", "idlocation");
    InvokeElement out{.id = text_or_empty(node, "id"), .place = document_.place(node)};
    out.id_location = location(node, "idlocation");
    out.type = text_or_empty(node, "type");
    out.type_expr = expression(node, "typeexpr");
    out.src = text_or_empty(node, "src");
    out.src_expr = expression(node, "srcexpr");
    const std::string forward = attribute(node, "autoforward").value_or("false");
    if (forward != "true" && forward != "false")
      problem(node, "scxml.autoforward", "Expected autoforward=\"true\" or \"false\"");
    out.autoforward = forward == "true";
    if (!out.id.empty() && !is_name(out.id))
      problem(document_.place(node.attribute("id")), "scxml.id", "Expected an id of letters, digits, '.', '-' and '_', but found '" + out.id + "'");
    if (!out.id.empty() && !chart_.invoke_ids.insert(out.id).second)
      problem(node, "scxml.duplicate_id", "Expected each invoke id once, but found '" + out.id + "' again");
    out.payload = read_payload(node);
    if (out.payload.has_content && (node.attribute("src") || node.attribute("srcexpr")))
      problem(node, "scxml.exclusive", "Expected one of 'src', 'srcexpr' and <content> of <invoke>");
    for (const pugi::xml_node& child : node)
      if (is_scxml(child) && local_name(child.name()) == "finalize") {
        if (out.has_finalize) problem(child, "scxml.element", "Expected one <finalize>");
        check_finalize(child);
        out.has_finalize = true;
        out.finalize = read_block(child);
      }
    return out;
  }

  /// SCXML 6.5.2: it takes in what came back, and does nothing outside.
  void check_finalize(const pugi::xml_node& node) {
    for (const pugi::xml_node& child : node) {
      const std::string_view name = local_name(child.name());
      if (is_scxml(child) && (name == "send" || name == "raise"))
        problem(child, "scxml.finalize", "Expected no <" + std::string{name} + "> inside <finalize>; put it into the transition that takes the event");
      check_finalize(child);
    }
  }

  /// Lua without <script> around it would be passed over.
  void refuse_text(const pugi::xml_node& node) {
    for (const pugi::xml_node& child : node)
      if ((child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) &&
          std::string_view{child.value()}.find_first_not_of(" \t\r\n") != std::string_view::npos)
        problem(child, "scxml.text", "Expected elements inside <" + std::string{node.name()} + ">, but found text; Lua goes into <script>");
  }

  Block read_block(const pugi::xml_node& node) {
    refuse_text(node);
    Block out;
    for (const pugi::xml_node& child : node)
      if (is_scxml(child)) read_action(child, out);
    return out;
  }

  void read_action(const pugi::xml_node& node, Block& out) {
    const std::string_view name = local_name(node.name());
    Action action;
    action.place = document_.place(node);
    if (name == "raise") {
      check_attributes(node, {"event"});
      action.kind = ActionKind::raise;
      action.name = required(node, "event");
    } else if (name == "if") {
      read_if(node, action);
    } else if (name == "foreach") {
      check_attributes(node, {"array", "item", "index"});
      action.kind = ActionKind::foreach_;
      required(node, "array");
      action.script = expression(node, "array");
      action.name = required(node, "item");
      action.index = text_or_empty(node, "index");
      action.body = read_block(node);
    } else if (name == "log") {
      check_attributes(node, {"label", "expr"});
      action.kind = ActionKind::log;
      action.name = text_or_empty(node, "label");
      action.script = expression(node, "expr");
    } else if (name == "assign") {
      check_attributes(node, {"location", "expr"});
      action.kind = ActionKind::assign;
      required(node, "location");
      action.location = location(node, "location");
      action.script = expression(node, "expr");
      action.text = inner_text(node);
      action.has_text = action.text.find_first_not_of(" \t\r\n") != std::string::npos;
      if (action.has_text == static_cast<bool>(action.script))
        problem(node, "scxml.assign", "Expected 'expr' or inline content of <assign>");
    } else if (name == "script") {
      action.kind = ActionKind::script;
      action.script = read_script(node);
    } else if (name == "send") {
      read_send(node, action);
    } else if (name == "cancel") {
      check_attributes(node, {"sendid", "sendidexpr"});
      exclusive(node, "sendid", "sendidexpr");
      action.kind = ActionKind::cancel;
      action.name = text_or_empty(node, "sendid");
      action.script = expression(node, "sendidexpr");
      if (action.name.empty() && !action.script)
        problem(node, "scxml.required", "Expected 'sendid' or 'sendidexpr' of <cancel>");
    } else {
      return unknown_child(node);
    }
    out.push_back(std::move(action));
  }

  void read_if(const pugi::xml_node& node, Action& action) {
    check_attributes(node, {"cond"});
    refuse_text(node);
    action.kind = ActionKind::branch;
    required(node, "cond");
    action.branches.push_back({.cond = expression(node, "cond"), .actions = {}});
    bool otherwise = false;
    for (const pugi::xml_node& child : node) {
      if (!is_scxml(child)) continue;
      const std::string_view name = local_name(child.name());
      if (name != "elseif" && name != "else") {
        read_action(child, action.branches.back().actions);
        continue;
      }
      if (otherwise) problem(child, "scxml.if", "Expected <else> to come last");
      otherwise = name == "else";
      if (otherwise)
        check_attributes(child, {});
      else
        check_attributes(child, {"cond"});
      if (child.first_child())
        problem(child, "scxml.if", "Expected <" + std::string{child.name()} + "/> to be empty: what belongs to it follows it");
      if (!otherwise) required(child, "cond");
      action.branches.push_back({.cond = otherwise ? Script{} : expression(child, "cond"), .actions = {}});
    }
  }

  void read_send(const pugi::xml_node& node, Action& action) {
    check_attributes(node, {"event", "eventexpr", "target", "targetexpr", "type", "typeexpr", "id", "idlocation", "delay",
                            "delayexpr", "namelist"});
    for (const auto& [a, b] : {std::pair{"event", "eventexpr"}, std::pair{"target", "targetexpr"},
                               std::pair{"type", "typeexpr"}, std::pair{"id", "idlocation"}, std::pair{"delay", "delayexpr"}})
      exclusive(node, a, b);
    action.kind = ActionKind::send;
    action.send = std::make_unique<SendAction>();
    SendAction& send = *action.send;
    send.event = text_or_empty(node, "event");
    send.event_expr = expression(node, "eventexpr");
    send.target = text_or_empty(node, "target");
    send.target_expr = expression(node, "targetexpr");
    send.type = text_or_empty(node, "type");
    send.type_expr = expression(node, "typeexpr");
    send.id = text_or_empty(node, "id");
    send.id_location = location(node, "idlocation");
    send.delay = text_or_empty(node, "delay");
    send.delay_expr = expression(node, "delayexpr");
    send.payload = read_payload(node);
    if (send.payload.has_content && (node.attribute("event") || node.attribute("eventexpr")) &&
        node.attribute("namelist"))
      problem(node, "scxml.exclusive", "Expected <content> without 'namelist'");
    // Which processor a typeexpr names shows when it is sent.
    const bool scxml = !send.type_expr && processor_of(send.type) == kScxmlProcessor;
    if (scxml && send.event.empty() && !send.event_expr) problem(node, "scxml.required", "Expected attribute 'event' or 'eventexpr' of <send>");
    if ((!send.delay.empty() || send.delay_expr) && send.target == "#_internal")
      problem(node, "scxml.send", "Expected no delay for the target #_internal");
  }

  /// Turns target ids into states and checks that they can be active together.
  void resolve() {
    for (const PendingTargets& pending : pending_) {
      Transition& transition = chart_.transitions[static_cast<std::size_t>(pending.transition)];
      if (pending.ids.empty()) problem(pending.node, "scxml.target", "Expected at least one target");
      for (const std::string& id : pending.ids) {
        const Index target = chart_.find(id);
        if (target == kNone) {
          problem(pending.node, "scxml.target", "Expected the id of a state, but found '" + id + "'");
          continue;
        }
        const Index scope = is_history(chart_.at(transition.source).kind) ? chart_.at(transition.source).parent : transition.source;
        if (pending.initial && !chart_.is_descendant(target, scope))
          problem(pending.node, "scxml.target", "Expected a descendant state, but '" + id + "' is none");
        // A default that leads to a history further inside ends; one that stays beside may go in a circle.
        if (is_history(chart_.at(transition.source).kind) && is_history(chart_.at(target).kind) && chart_.at(target).parent == scope)
          problem(pending.node, "scxml.history",
                  "Expected the default of a history to be a state or a history further inside, but '" + id +
                      "' is a history of the same state");
        transition.targets.push_back(target);
      }
      for (std::size_t i = 0; i < transition.targets.size(); ++i)
        for (std::size_t k = i + 1; k < transition.targets.size(); ++k)
          if (!compatible(transition.targets[i], transition.targets[k]))
            problem(pending.node, "scxml.target", "Expected targets that can be active together");
    }
  }
  bool compatible(Index a, Index b) const {
    if (a == b) return false;
    if (chart_.is_descendant(a, b) || chart_.is_descendant(b, a)) return true;
    Index ancestor = chart_.at(a).parent;
    while (!chart_.is_descendant(b, ancestor)) ancestor = chart_.at(ancestor).parent;
    return chart_.at(ancestor).kind == StateKind::parallel;
  }

  void compile() {
    if (chart_.datamodel == DataModelKind::null) {
      for (const Transition& transition : chart_.transitions)
        if (transition.cond && !in_state_of_null(transition.cond.source))
          problem(transition.cond.place, "scxml.cond", "Expected In('STATE'), all that the null data model has");
      return;
    }
    for (Detail& detail : compile_all(chart_)) {
      problem(std::move(detail.place), std::move(detail.code), std::move(detail.message));
    }
  }

  const XmlDocument& document_;
  Chart& chart_;
  bool lazy_expressions_;
  const ReadSource& read_;
  std::vector<Detail> problems_;
  std::vector<PendingTargets> pending_;
};

}  // namespace

bool is_system_variable(std::string_view name) {
  static constexpr std::array<std::string_view, 5> kNames = {"_event", "_sessionid", "_name", "_ioprocessors", "_x"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

bool is_identifier(std::string_view text) {
  static constexpr std::array<std::string_view, 22> kKeywords = {
      "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if",
      "in", "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while"};
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  const bool letters = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
  return letters && std::find(kKeywords.begin(), kKeywords.end(), text) == kKeywords.end();
}

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> serial{0};
  return ++serial;
}

Result<ChartPtr> parse_chart(std::string_view xml, const std::string& file, const ChartLimits& limits, const ReadSource& read) {
  Result<std::unique_ptr<XmlDocument>> document = parse_xml(xml, file, limits);
  if (!document) {
    Error error = document.error();
    if (error.message_zh.empty()) error.message_zh = message_zh_of(error.code, error.message);
    return error;
  }
  auto chart = std::make_shared<Chart>();
  chart->serial = next_serial();
  std::vector<Detail> problems = Parser(**document, *chart, limits.lazy_expressions, read).run();
  if (problems.empty()) return ChartPtr{std::move(chart)};
  return Error{.kind = ErrorKind::invalid,
               .code = problems.front().code,
               .message = problems.front().message,
               .place = problems.front().place,
               .message_zh = problems.front().message_zh,
               .details = std::move(problems)};
}

}  // namespace chuyi::scxml
