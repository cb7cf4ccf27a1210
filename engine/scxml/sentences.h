#pragma once

#include <string>
#include <vector>

#include "engine/scxml/words.h"

namespace chuyi::scxml {

/// Sentences for the ways out of a state. Internal to engine/scxml.
class Sentences {
 public:
  /// @param numbered  references carry the state's number; without it the sentences of two versions compare.
  Sentences(const Chart& chart, const Words& words, bool numbered = true) : chart_(chart), words_(words), say_(words.say()), numbered_(numbered) {}

  /// `“推荐”（第4项）`: a state with its number.
  std::string reference(Index state) const;
  /// Where a transition leads and what it does besides, as a clause.
  std::string leads(const State& source, const Transition& transition) const;
  /// One sentence for each way.
  std::vector<std::string> of(const State& source, const Ways& ways) const;
  /// Short: "补正（此前补正少于1次）", for an edge of a diagram.
  std::string label(const State& source, const Ways& ways, const Way& way) const;

 private:
  std::string sentence(const State& source, const Ways& ways, const Way& way) const;
  std::vector<std::string> named(const std::string& field, const std::vector<std::string>& values) const;

  const Chart& chart_;
  const Words& words_;
  const Phrases& say_;
  bool numbered_;
};

}  // namespace chuyi::scxml
