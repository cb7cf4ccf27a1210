/* The <invoke> type cn.example.lots: draws an order by lot, and again when it is told to.
 *
 * start    params {"seed", "count"}: draws, and sends lots.drawn {"draw": 1, "order": [3, 1, 2]}
 * signal   "again": draws once more, and sends lots.drawn; "confirm": sends done with the order that stands
 * cancel   has nothing to give back
 *
 * The same seed gives the same orders, so that anybody can draw them again. Nothing lasts in memory: what the next call
 * needs is in the state, {"seed", "count", "draws"}. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "chuyi_plugin.h"

#define COUNT_MAX 100u
#define DRAWS_MAX 999999999u
#define SEED_MAX 999999999u

/* ── reading: the host hands in a JSON object that is valid, so a value ends where its brackets do ── */

typedef struct {
  const char *at, *end;
} text;

static void skip_space(text *in) {
  while (in->at < in->end && strchr(" \t\r\n,:", *in->at) != NULL) ++in->at;
}

/* Takes one value off the front of `in`. */
static text take_value(text *in) {
  skip_space(in);
  text value = {in->at, in->at};
  bool quoted = false;
  int depth = 0;
  for (; in->at < in->end; ++in->at) {
    const char c = *in->at;
    if (quoted) {
      if (c == '\\' && in->at + 1 < in->end) ++in->at;
      else if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (--depth < 0) break; /* that of the object around it */
    } else if (depth == 0 && strchr(" \t\r\n,:", c) != NULL) {
      break;
    }
  }
  value.end = in->at;
  return value;
}

static bool is_string(text value, const char *expected) {
  const size_t size = strlen(expected);
  return (size_t)(value.end - value.at) == size + 2 && *value.at == '"' && memcmp(value.at + 1, expected, size) == 0;
}

/* The member of an object, empty when it has none of that name. */
static text member(text object, const char *name) {
  const text none = {object.end, object.end};
  if (object.at == object.end || *object.at != '{') return none;
  ++object.at;
  for (;;) {
    const text key = take_value(&object);
    if (key.at == key.end) return none;
    const text value = take_value(&object);
    if (is_string(key, name)) return value;
  }
}

/* A whole number from `min` to `max`. */
static bool read_number(text value, uint32_t min, uint32_t max, uint32_t *out) {
  if (value.at == value.end) return false;
  uint64_t number = 0;
  for (; value.at < value.end; ++value.at) {
    if (*value.at < '0' || *value.at > '9') return false;
    number = number * 10 + (uint64_t)(*value.at - '0');
    if (number > max) return false;
  }
  *out = (uint32_t)number;
  return number >= min;
}

/* ── drawing ── */

typedef struct {
  uint32_t seed, count, draws;
} lots;

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state) {
  uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* Fisher and Yates: every order as likely as any other. Thrown again where the remainder would favour small numbers. */
static void draw(const lots *of, uint32_t order[COUNT_MAX]) {
  uint64_t state = (uint64_t)of->seed << 32 | of->draws;
  for (uint32_t i = 0; i < of->count; ++i) order[i] = i + 1;
  for (uint32_t left = of->count; left > 1; --left) {
    const uint64_t fair = UINT64_MAX - UINT64_MAX % left;
    uint64_t random = next_random(&state);
    while (random >= fair) random = next_random(&state);
    const uint32_t chosen = (uint32_t)(random % left);
    const uint32_t kept = order[left - 1];
    order[left - 1] = order[chosen];
    order[chosen] = kept;
  }
}

/* ── answering ── */

/* COUNT_MAX numbers of three digits and what stands around them fit well. */
typedef struct {
  char json[1024];
  size_t size;
} answer;

static void add(answer *out, const char *added) {
  for (; *added != 0 && out->size < sizeof out->json; ++added) out->json[out->size++] = *added;
}

static void add_number(answer *out, uint32_t number) {
  char digits[11];
  snprintf(digits, sizeof digits, "%" PRIu32, number);
  add(out, digits);
}

static int32_t send_order(const lots *of, const char *event, chuyi_sink sink, void *context) {
  uint32_t order[COUNT_MAX];
  draw(of, order);
  answer out = {.size = 0};
  add(&out, "{\"state\":{\"seed\":");
  add_number(&out, of->seed);
  add(&out, ",\"count\":");
  add_number(&out, of->count);
  add(&out, ",\"draws\":");
  add_number(&out, of->draws);
  add(&out, "},\"events\":[{\"name\":\"");
  add(&out, event);
  add(&out, "\",\"data\":{\"draw\":");
  add_number(&out, of->draws);
  add(&out, ",\"order\":[");
  for (uint32_t i = 0; i < of->count; ++i) {
    if (i > 0) add(&out, ",");
    add_number(&out, order[i]);
  }
  add(&out, "]}}]}");
  sink(context, out.json, out.size);
  return CHUYI_OK;
}

static int32_t bad_input(const chuyi_host *host, const char *why) {
  host->log(why, strlen(why));
  return CHUYI_BAD_INPUT;
}

static int32_t handle(const chuyi_host *host, const char *json, size_t size, chuyi_sink sink, void *context) {
  const text input = {json, json + size};
  const text action = member(input, "action");
  if (is_string(action, "cancel")) {
    static const char nothing[] = "{\"state\":{},\"events\":[]}";
    sink(context, nothing, sizeof nothing - 1);
    return CHUYI_OK;
  }
  const bool starts = is_string(action, "start");
  const text from = member(input, starts ? "params" : "state");
  lots of = {.draws = 0};
  if (!read_number(member(from, "seed"), 0, SEED_MAX, &of.seed)) return bad_input(host, "Expected a seed from 0 to 999999999");
  if (!read_number(member(from, "count"), 1, COUNT_MAX, &of.count)) return bad_input(host, "Expected a count from 1 to 100");
  if (!starts && !read_number(member(from, "draws"), 1, DRAWS_MAX, &of.draws)) return bad_input(host, "Expected the state that was answered before");
  const text signal = member(member(input, "signal"), "name");
  if (!starts && is_string(signal, "confirm")) return send_order(&of, "done", sink, context);
  if (!starts && !is_string(signal, "again")) return bad_input(host, "Expected the signal again or confirm");
  ++of.draws;
  return send_order(&of, "lots.drawn", sink, context);
}

static const chuyi_plugin_info info = {.size = sizeof info, .abi_version = CHUYI_ABI_VERSION, .package_id = "lots", .handle = handle};

const chuyi_plugin_info *chuyi_plugin(uint32_t abi_version) { return abi_version == CHUYI_ABI_VERSION ? &info : NULL; }
