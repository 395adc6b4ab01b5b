#include "cli/cache/verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "cli/options.h"
#include "core/log/log.h"

namespace spa {
namespace {

constexpr CacheOption kOptions[] = {
    {"json", "--json", "", "Print JSON"},
    {"kind", "--kind", "KIND", "Kind of the entry, as `cache policy` lists them"},
    {"outcome", "--outcome", "TEXT",
     "What the load ended in: a code like itemNotFound, or an HTTP status"},
    {"bytes", "--bytes", "N", "Size of the value"},
    {"jwt", "--jwt", "FILE", "File with the token"},
};

constexpr CacheVerb kVerbs[] = {
    {"policy", "", "json", "List the kinds: how long each is kept, how many, and where",
     "policy --json", CachePolicyVerb},
    {"policy explain", "", "kind outcome bytes json",
     "Say what becomes of one answer: how long it is kept, and in which form",
     "policy explain --kind group_members --bytes 4000", CachePolicyExplain},
    {"error-policy", "", "json", "List how long each failure is remembered", "error-policy",
     CacheErrorPolicy},
    {"token", "", "", "Tokens and the cache", "", nullptr},
    {"token ttl", "", "jwt json", "Say how long the validation of a token would be remembered",
     "token ttl --jwt token.jwt", CacheTokenTtl},
};

}  // namespace

std::span<const CacheVerb> CacheVerbs() { return kVerbs; }
std::span<const CacheOption> CacheOptions() { return kOptions; }

const CacheVerb* FindCacheVerb(std::string_view name) {
  const auto at = std::find_if(std::begin(kVerbs), std::end(kVerbs),
                               [&](const CacheVerb& verb) { return verb.name == name; });
  return at == std::end(kVerbs) ? nullptr : at;
}

const CacheOption& CacheOptionOf(std::string_view id) {
  const auto at = std::find_if(std::begin(kOptions), std::end(kOptions),
                               [&](const CacheOption& option) { return option.id == id; });
  if (at == std::end(kOptions)) throw std::logic_error(fmt::format("no cache option {}", id));
  return *at;
}

std::vector<std::string> SplitWords(std::string_view text, char between) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(between), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

std::string DescribeCacheVerbs() {
  std::string text = "| command | does | options |\n|---|---|---|\n";
  for (const CacheVerb& verb : kVerbs) {
    if (verb.run == nullptr) continue;
    std::string words;
    for (const std::string& word : SplitWords(verb.words)) words += ' ' + word;
    std::string options;
    for (const std::string& id : SplitWords(verb.options)) {
      if (id != "json") options += fmt::format(" `{}`", CacheOptionOf(id).flag);
    }
    // A bar would end the cell, also within code.
    while (words.find('|') != std::string::npos) words.replace(words.find('|'), 1, "/");
    text += fmt::format("| `{}{}` | {} |{} |\n", verb.name, words, verb.help, options);
  }
  return text;
}

const std::vector<std::string>* CacheCall::Find(std::string_view option) const {
  const auto found = flags().options.find(std::string(option));
  return found == flags().options.end() ? nullptr : &found->second;
}

std::string CacheCall::Text(std::string_view option, std::string_view otherwise) const {
  const auto* found = Find(option);
  return found == nullptr || found->empty() ? std::string(otherwise) : found->back();
}

const std::vector<std::string>& CacheCall::All(std::string_view option) const {
  static const std::vector<std::string> kNone;
  const auto* found = Find(option);
  return found == nullptr ? kNone : *found;
}

Result<long> CacheCall::Number(std::string_view option, long otherwise, long least) const {
  if (!Has(option)) return otherwise;
  const std::string text = Text(option);
  long number = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (text.empty() || read.ec != std::errc() || read.ptr != end || number < least) {
    return Fail(ErrorCode::kUsage, fmt::format("{} \"{}\" is no whole number from {} on",
                                               CacheOptionOf(option).flag, text, least));
  }
  return number;
}

Result<std::chrono::milliseconds> CacheCall::Duration(std::string_view option,
                                                      std::chrono::milliseconds otherwise) const {
  if (!Has(option)) return otherwise;
  const std::string text = Text(option);
  if (text.ends_with("ms")) {
    if (const auto whole = ParseDuration(text.substr(0, text.size() - 2)))
      return std::chrono::milliseconds(whole->count());
  } else if (const auto whole = ParseDuration(text)) {
    return *whole;
  }
  return Fail(ErrorCode::kUsage,
              fmt::format("{} \"{}\" is no duration", CacheOptionOf(option).flag, text),
              "give a whole number with ms, s, m, h or d, like 15m");
}

Result<ExitCode> CommandCache(const Invocation& invocation) {
  auto loaded = LoadConfigOf(invocation.flags, invocation.environment);
  if (!loaded) return Fail(loaded.error());
  if (auto opened = OpenLog(invocation.flags, loaded->config); !opened) return Fail(opened.error());
  const std::string name = invocation.flags.command.substr(std::string_view("cache ").size());
  const CacheCall call(invocation, std::move(loaded->config));
  return FindCacheVerb(name)->run(call);
}

}  // namespace spa
