#pragma once

#include "engine/base/json.h"
#include "engine/scxml/interpreter.h"

namespace chuyi {

/// An event as the store keeps it: {"event","type","sendid","origin","origintype","invokeid","data","raw"}, what is empty
/// left out; a missing type is "external". And back.
json::object to_json(const scxml::Event& event);
scxml::Event event_of(const json::object& object);

/// The event that a message to the Basic HTTP event I/O processor becomes (SCXML C.2).
///
/// @param media_type  of the body. A form: `_scxmleventname` names the event and the other pairs are its data, each value
///                    read as inline content is (a number, table or truth value where it is one); application/json: the
///                    value; anything else: the text. Without a name the event is "HTTP.POST". `raw` is the method, the type
///                    and the body as they came.
/// @return            Errors: `invalid` "http_event.form", "http_event.name", "http_event.content".
Result<scxml::Event> http_event(std::string_view media_type, std::string body);

}  // namespace chuyi
