#include "tests/scxml/random_chart.h"

#include <algorithm>

namespace chuyi::scxml {
namespace {

using Kind = RandomChart::Kind;
using Node = RandomChart::Node;

constexpr const char* kExternal[] = {"e1", "e2", "e3", "e1.x", "e2.x.y"};
constexpr const char* kInternal[] = {"i1", "i2", "i2.z"};
constexpr int kNodesMax = 16;
constexpr int kDepthMax = 5;

bool is_history(const Node& node) { return node.kind == Kind::shallow || node.kind == Kind::deep; }

class Maker {
 public:
  explicit Maker(Dice& dice) : dice_(dice) {}

  RandomChart make() {
    wanted_ = 3 + static_cast<int>(dice_.below(kNodesMax - 2));
    chart_.nodes.emplace_back();
    grow(0, 0);
    for (int i = 1; i < size(); ++i)
      if (!is_history(at(i)) && at(i).kind != Kind::parallel && at(i).kind != Kind::final) default_entry(i);
    default_entry(0);
    for (int i = 1; i < size(); ++i) fill(i);
    return std::move(chart_);
  }

 private:
  Node& at(int node) { return chart_.nodes[static_cast<std::size_t>(node)]; }
  int size() const { return static_cast<int>(chart_.nodes.size()); }

  int add(Kind kind, int parent) {
    const int index = size();
    chart_.nodes.push_back({.kind = kind, .parent = parent});
    at(parent).children.push_back(index);
    return index;
  }

  void grow(int parent, int depth) {
    const bool parallel = at(parent).kind == Kind::parallel;
    const std::size_t count = parallel ? 1 + dice_.below(3) : 1 + dice_.below(4);
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0 && size() >= wanted_) break;
      // A final that comes first ends the chart before it began.
      const bool final = !parallel && (i > 0 || parent != 0) && dice_.percent(15);
      const bool inner = depth < kDepthMax && size() < wanted_ && dice_.percent(55);
      const int node = add(final ? Kind::final : inner && dice_.percent(45) ? Kind::parallel : Kind::state, parent);
      if (!final && inner) grow(node, depth + 1);
    }
    if (parent != 0)
      while (dice_.percent(25)) add(dice_.percent(50) ? Kind::shallow : Kind::deep, parent);
  }

  /// States below `scope`; histories only of states below it, so that no default leads back to itself.
  std::vector<int> below(int scope) {
    std::vector<int> out;
    for (int i = 1; i < size(); ++i)
      if (i != scope && chart_.is_within(i, scope) && (!is_history(at(i)) || at(i).parent != scope)) out.push_back(i);
    return out;
  }

  /// One node of the list, or several in different regions of one parallel state or below each other.
  std::vector<int> targets_in(const std::vector<int>& nodes) {
    std::vector<int> out{dice_.one_of(nodes)};
    for (int i = 0; i < 2 && dice_.percent(30); ++i) {
      const int next = dice_.one_of(nodes);
      if (std::all_of(out.begin(), out.end(), [&](int each) { return go_together(each, next); })) out.push_back(next);
    }
    return out;
  }

  bool go_together(int a, int b) {
    if (a == b) return false;
    if (chart_.is_within(a, b) || chart_.is_within(b, a)) return true;
    int ancestor = a;
    while (!chart_.is_within(b, ancestor)) ancestor = at(ancestor).parent;
    const auto is_own_history = [&](int node) { return is_history(at(node)) && at(node).parent == ancestor; };
    return at(ancestor).kind == Kind::parallel && !is_own_history(a) && !is_own_history(b);
  }

  void default_entry(int node) {
    if (std::none_of(at(node).children.begin(), at(node).children.end(), [&](int each) { return !is_history(at(each)); })) return;
    if (dice_.percent(50)) return;
    std::vector<int> scope = below(node);
    for (const int child : at(node).children)
      if (is_history(at(child))) scope.push_back(child);
    at(node).initial = targets_in(scope);
    if (node == 0) return;
    at(node).initial_element = dice_.percent(50);
    at(node).initial_content = content("i" + std::to_string(node));
  }

  std::string content(const std::string& label) {
    std::string out = "<log label=\"" + label + "\"/>";
    if (dice_.percent(7)) out += std::string{"<raise event=\""} + dice_.one_of(kInternal) + "\"/>";
    if (dice_.percent(5))
      out += "<if cond=\"In('" + some_id() + "')\"><log label=\"" + label + "?\"/><else/><raise event=\"" +
             dice_.one_of(kInternal) + "\"/></if>";
    return out;
  }

  std::string some_id() { return RandomChart::id(1 + static_cast<int>(dice_.below(static_cast<std::size_t>(size() - 1)))); }

  std::string descriptor() {
    switch (dice_.below(10)) {
      case 0: return dice_.percent(40) ? "*" : dice_.one_of(kExternal);
      case 1: return "done.state." + some_id();
      case 2: return "done.state";
      case 3:
      case 4: return dice_.one_of(kInternal);
      default: return dice_.one_of(kExternal);
    }
  }

  void fill(int node) {
    if (is_history(at(node))) {
      std::vector<int> scope = below(at(node).parent);
      if (at(node).kind == Kind::shallow) std::erase_if(scope, [&](int each) { return at(each).parent != at(node).parent; });
      at(node).transitions.push_back(
          {.event = {}, .in = {}, .targets = targets_in(scope), .content = content("h" + std::to_string(node))});
      return;
    }
    const std::string number = std::to_string(node);
    if (dice_.percent(80)) at(node).entry = content("+" + number);
    if (dice_.percent(80)) at(node).exit = content("-" + number);
    if (at(node).kind == Kind::final) return;
    std::vector<int> all(chart_.nodes.size() - 1);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i) + 1;
    for (std::size_t i = dice_.below(4); i > 0; --i) {
      RandomChart::Transition each;
      const bool eventless = dice_.percent(5);
      if (!eventless) each.event = dice_.percent(15) ? descriptor() + " " + descriptor() : descriptor();
      if (dice_.percent(eventless ? 80 : 20)) each.in = some_id();
      each.internal = dice_.percent(25);
      // An eventless transition without a target would be taken for ever.
      if (eventless || dice_.percent(85)) each.targets = targets_in(dice_.percent(25) && !below(node).empty() ? below(node) : all);
      each.content = content("t" + number + "." + std::to_string(i));
      at(node).transitions.push_back(std::move(each));
    }
  }

  Dice& dice_;
  RandomChart chart_;
  int wanted_ = 0;
};

std::string ids(const std::vector<int>& nodes) {
  std::string out;
  for (const int each : nodes) out += (out.empty() ? "" : " ") + RandomChart::id(each);
  return out;
}

std::string transition_xml(const RandomChart::Transition& each) {
  std::string out = "<transition";
  if (!each.event.empty()) out += " event=\"" + each.event + "\"";
  if (!each.in.empty()) out += " cond=\"In('" + each.in + "')\"";
  if (each.internal) out += " type=\"internal\"";
  if (!each.targets.empty()) out += " target=\"" + ids(each.targets) + "\"";
  return out + ">" + each.content + "</transition>\n";
}

}  // namespace

bool RandomChart::is_within(int node, int ancestor) const {
  while (node != ancestor && node > 0) node = nodes[static_cast<std::size_t>(node)].parent;
  return node == ancestor;
}

void RandomChart::write(int node, std::string& out) const {
  static constexpr const char* kNames[] = {"state", "parallel", "final", "history", "history"};
  const Node& self = nodes[static_cast<std::size_t>(node)];
  if (!self.alive) return;
  const std::string name = kNames[static_cast<int>(self.kind)];
  out += "<" + name + " id=\"" + id(node) + "\"";
  if (self.kind == Kind::deep) out += " type=\"deep\"";
  if (!self.initial.empty() && !self.initial_element) out += " initial=\"" + ids(self.initial) + "\"";
  out += ">\n";
  if (!self.initial.empty() && self.initial_element)
    out += "<initial><transition target=\"" + ids(self.initial) + "\">" + self.initial_content + "</transition></initial>\n";
  if (!self.entry.empty()) out += "<onentry>" + self.entry + "</onentry>\n";
  if (!self.exit.empty()) out += "<onexit>" + self.exit + "</onexit>\n";
  for (const Transition& each : self.transitions)
    if (each.alive) out += transition_xml(each);
  for (const int child : self.children) write(child, out);
  out += "</" + name + ">\n";
}

std::string RandomChart::xml(bool watched) const {
  std::string body;
  for (const int child : nodes[0].children) write(child, body);
  const std::string initial = nodes[0].initial.empty() ? "" : " initial=\"" + ids(nodes[0].initial) + "\"";
  const std::string head = "<scxml xmlns=\"http://www.w3.org/2005/07/scxml\" version=\"1.0\" datamodel=\"null\"";
  if (!watched) return head + initial + ">\n" + body + "</scxml>\n";
  std::string watch;
  const auto log = [&](const std::string& event) {
    watch += "<transition event=\"" + event + "\"><log label=\"see " + event + "\"/></transition>\n";
  };
  for (auto event = std::rbegin(kExternal); event != std::rend(kExternal); ++event) log(*event);
  for (auto event = std::rbegin(kInternal); event != std::rend(kInternal); ++event) log(*event);
  for (std::size_t i = 1; i < nodes.size(); ++i) log("done.state." + id(static_cast<int>(i)));
  return head + ">\n<parallel id=\"both\">\n<state id=\"chart\"" + initial + ">\n" + body + "</state>\n<state id=\"watch\">\n" + watch +
         "</state>\n</parallel>\n</scxml>\n";
}

RandomChart random_chart(Dice& dice) { return Maker(dice).make(); }

std::vector<std::string> random_events(Dice& dice) {
  std::vector<std::string> out(1 + dice.below(8));
  for (std::string& each : out) each = dice.one_of(kExternal);
  return out;
}

}  // namespace chuyi::scxml
