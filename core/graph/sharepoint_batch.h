// SharePoint's own batches: multipart/mixed of up to 100 reads of one site, answered in the order
// they were asked, each with a status of its own (permissions.md 3.6).
//
// Plain functions. Threads: any.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace spa::sharepoint_batch {

inline constexpr std::size_t kMostParts = 100;

struct Answer {
  Answer() = default;
  int status = 0;
  std::string retry_after;  // As the part had it; empty without.
  std::string body;         // With room for simdjson's padding behind it.
};

std::string ContentType();
// `urls` are absolute.
std::string Body(std::span<const std::string> urls);
// kMalformed where it does not hold exactly `count` answers.
Result<std::vector<Answer>> Decode(std::string_view content_type, std::string_view body,
                                   std::size_t count);

}  // namespace spa::sharepoint_batch
