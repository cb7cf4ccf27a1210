#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace chuyi::scxml {

/// Draws that are the same on every machine, which those of <random>'s distributions are not.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }
  bool percent(std::size_t chance) { return below(100) < chance; }
  template <class List>
  const auto& one_of(const List& list) {
    return list[below(std::size(list))];
  }

 private:
  std::mt19937_64 engine_;
};

/// A chart as a tree that can be cut down while a difference is narrowed.
struct RandomChart {
  enum class Kind : std::uint8_t { state, parallel, final, shallow, deep };
  struct Transition {
    std::string event;  ///< empty: eventless
    std::string in;     ///< cond="In('…')"; empty: none
    bool internal = false;
    std::vector<int> targets;
    std::string content;
    bool alive = true;
  };
  struct Node {
    Kind kind = Kind::state;
    int parent = -1;
    std::vector<int> children;           ///< histories too
    std::vector<int> initial;            ///< targets of the default entry; empty: the first child
    bool initial_element = false;
    std::string entry, exit, initial_content;
    std::vector<Transition> transitions;  ///< a history has one, its default
    bool alive = true;
  };
  std::vector<Node> nodes;  ///< [0] is <scxml>

  static std::string id(int node) { return "s" + std::to_string(node); }
  bool is_within(int node, int ancestor) const;
  /// The document. With `watched`, a parallel region beside the chart logs every event that the chart sees.
  std::string xml(bool watched) const;

 private:
  void write(int node, std::string& out) const;
};

/// A chart that the recommendation calls legal: nested and parallel states, finals, histories, default entries
/// by attribute and element, transitions of all kinds with up to three targets, raised events.
RandomChart random_chart(Dice& dice);
std::vector<std::string> random_events(Dice& dice);

}  // namespace chuyi::scxml
