#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/review/conflicts.h"

/// The random draw of a panel, which anybody can repeat.
///
/// **Commitment.** The seed is 32 bytes, drawn by whoever holds it. Before the draw SHA-256(seed ‖ context) is published,
/// with `context` the UTF-8 bytes of a text that names this draw and no other; the seed afterwards.
///
/// **Numbers.** The stream is the concatenation of SHA-256(seed ‖ context ‖ counter) for counter = 0, 1, 2, …, written
/// as 8 bytes, big-endian. It is read as 64-bit big-endian numbers, four from each digest. below(n) takes the next number
/// x until x < ⌊2^64 / n⌋ · n, and is x mod n.
///
/// **Order.** The experts who may be drawn, sorted by the bytes of their ids, are shuffled after Fisher and Yates:
/// for i = count − 1 down to 1: exchange the i-th (from 0) with the below(i + 1)-th.
///
/// **Panel.** Go through that order once. An expert is taken when with this one the panel can still be completed from
/// those who come later so that every stratum holds; else passed over. So nobody is passed over for another but where a
/// stratum demands it. The panel takes of no stratum so many that fewer than its `spares_at_least` are left in the pool.
/// Spares are taken from those left, in the same way and the same order, with `spares_at_least`. (Strata that overlap may
/// leave too few for all of them together: such a draw is refused.) Where members are absent, spares who are not are
/// seated in the same way and the same order, so that every stratum holds of the panel as it sits.
namespace chuyi::review {

/// A part of the pool, and how many of the panel come from it. Empty lists and no value: any.
struct Stratum {
  std::string name;
  std::vector<std::string> kinds, regions, fields, titles, employers;
  std::optional<bool> out_of_province;
  int at_least = 0;
  int at_most = 0;  ///< seats when the input does not say
  int spares_at_least = 0;
};

struct DrawInput {
  std::string context;
  std::string commitment;  ///< 64 hex digits, as published
  std::string seed;        ///< 64 hex digits
  int seats = 0;
  int spares = 0;
  int nominated_since = 0;          ///< experts whose last nomination is older are not in the pool
  std::vector<std::string> absent;  ///< who was drawn and cannot come
  int conflicts_max = 0;            ///< of the panel's applications, how many an expert may have to stand back from
  std::vector<Stratum> strata;
  std::vector<Expert> experts;          ///< sorted by id
  std::vector<Candidate> applications;  ///< what the panel will judge
  ConflictPolicy policy;
};

/// Reads {"context", "commitment", "seed", "seats", "spares", "nominated_since", "absent", "conflicts_max", "strata": [{"name",
/// "where": {"kind", "region", "field", "title", "employer": […], "out_of_province"}, "at_least": N or "1/3" of the seats
/// (rounded up), "at_most", "spares_at_least"}], "experts", "applications", "year", "policy"}.
/// Errors: `invalid` "review.input" with every defect.
Result<DrawInput> read_draw(const json::object& input);

/// Lower-case hex of SHA-256(seed ‖ context). @param seed  64 hex digits.
std::string commitment_of(std::string_view seed, std::string_view context);

/// The draw, as {"commitment", "pool": N, "order": [ids], "panel": [ids in the order drawn], "spares": [ids], "seated":
/// [ids: the panel without the absent, then the spares], "excluded": [{"expert", "reason", "applications"}], "strata":
/// [{"name", "at_least", "at_most", "pool", "panel", "spares"}]}.
///
/// Errors: `rejected` "draw.commitment" when seed and context do not give it; "draw.infeasible" with what is lacking: one
/// detail a stratum of a smallest set of them that cannot hold together; `too_large` "draw.size".
Result<json::object> draw(const DrawInput& input);

/// read_draw and draw: the input of `chuyi draw`.
Result<json::object> run_draw(const json::object& input);

}  // namespace chuyi::review
