#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>

namespace chuyi {

/// A map of at most `capacity` entries that forgets the one not asked for the longest. Not thread-safe.
template <class Value>
class BoundedMap {
 public:
  explicit BoundedMap(std::size_t capacity) : capacity_(capacity) {}
  /// The value of the key, now the newest; nullptr when there is none. Valid until the next call.
  Value* find(const std::string& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->second;
  }
  /// The same, made new when there is none.
  Value& at(const std::string& key) {
    if (Value* found = find(key)) return *found;
    if (entries_.size() >= capacity_) {
      index_.erase(entries_.back().first);
      entries_.pop_back();
    }
    entries_.emplace_front(key, Value{});
    index_[key] = entries_.begin();
    return entries_.front().second;
  }

 private:
  std::size_t capacity_;
  std::list<std::pair<std::string, Value>> entries_;  ///< newest first
  std::unordered_map<std::string, typename std::list<std::pair<std::string, Value>>::iterator> index_;
};

}  // namespace chuyi
