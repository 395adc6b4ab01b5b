// The verbs about single entries: get, set, del, has, ttl, meta, incr, get-or-set, and those that
// take many at once. Values are bytes, as they were given.
#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "cache/envelope.h"
#include "cli/cache/answer.h"
#include "cli/cache/key_words.h"
#include "cli/cache/session.h"
#include "cli/cache/shell_command.h"
#include "cli/cache/verbs.h"
#include "cli/cache_options.h"
#include "cli/files.h"
#include "cli/terminal.h"
#include "core/async/task_group.h"
#include "core/clock.h"
#include "core/encoding.h"
#include "core/log/terminal_text.h"

namespace spa {
namespace {

using Value = std::string;
using Found = std::optional<Result<Hit<Value>>>;

Cache<Value> CacheOf(CacheManager& caches, const CacheKey& key) {
  return caches.Open<Value>(key.kind());
}

std::vector<CacheKey> KeysTyped(const std::vector<std::string>& words) {
  std::vector<CacheKey> keys;
  for (const std::string& word : words) keys.push_back(KeyTyped(word));
  return keys;
}

bool IsText(const std::string& bytes) {
  return Json(bytes).dump(-1, ' ', false, Json::error_handler_t::replace).find("\\ufffd") ==
             std::string::npos &&
         bytes.find("\xEF\xBF\xBD") == std::string::npos;
}

// Bytes that are no text stand in base64url.
void PutValue(Json& json, const Value& value) {
  if (IsText(value)) {
    json["value"] = value;
  } else {
    json["value_base64url"] = Base64Url(value);
  }
}

Json HitJson(const CacheKey& key, const Found& found) {
  Json json = {{"key", key.text()}, {"result", "miss"}};
  if (!found) return json;
  if (!*found) {
    json["result"] = "failure";
    json["error"] = (*found).error().message;
    return json;
  }
  const Hit<Value>& hit = **found;
  json["result"] = "hit";
  json["level"] = NameOf(hit.level);
  json["age"] = hit.age.count();
  json["stale"] = hit.stale;
  PutValue(json, *hit.value);
  return json;
}

std::string Explanation(const Json& hit) {
  std::string line = fmt::format("result={}", hit.at("result").get<std::string>());
  if (hit.contains("level")) {
    line += fmt::format(" level={} age={} stale={}", hit.at("level").get<std::string>(),
                        hit.at("age").get<long>(), hit.at("stale").get<bool>() ? "yes" : "no");
  }
  return line + " key=" + hit.at("key").get<std::string>();
}

// To a terminal escaped, else as it is; the line break at the end is ours.
std::string Shown(const Value& value) {
  return (IsTerminal(stdout) ? EscapeForTerminal(value) : value) + '\n';
}

Result<ExitCode> AnswerHit(const CacheCall& call, const CacheKey& key, const Found& found) {
  const Json json = HitJson(key, found);
  const bool there = found && found->has_value();
  const ExitCode exit = there ? ExitCode::kDone : ExitCode::kFailure;
  if (call.json()) return Answer(call, json, exit);
  std::string text;
  if (call.Has("explain")) text += Explanation(json) + '\n';
  if (there && call.Has("raw")) {
    text += *(**found).value;
  } else if (there) {
    text += Shown(*(**found).value);
  }
  if (found && !*found) Remark(call, "what is remembered is a failure: " + found->error().message);
  if (auto printed = Print(text); !printed) return printed;
  return exit;
}

// One that has a member "expires_at", a "ttl", "if-absent" …
Result<WriteOptions> WriteOptionsOf(const CacheCall& call) {
  WriteOptions options;
  if (call.Has("if-absent") && call.Has("if-present")) {
    return Fail(ErrorCode::kUsage, "--if-absent and --if-present exclude each other");
  }
  if (call.Has("if-absent")) options.when = PutWhen::kAbsent;
  if (call.Has("if-present")) options.when = PutWhen::kPresent;
  if (call.Has("ttl")) {
    const auto ttl = call.Duration("ttl", {});
    if (!ttl) return Fail(ttl.error());
    options.ttl = std::chrono::ceil<std::chrono::seconds>(*ttl);
  }
  if (call.Has("expires-at")) {
    const auto at = MomentTyped(call.Text("expires-at"), std::chrono::system_clock::now());
    if (!at) return Fail(at.error());
    options.expires_at = *at;
  }
  for (const std::string& text : call.All("tag")) {
    auto tag = TagTyped(text);
    if (!tag) return Fail(tag.error());
    options.tags.push_back(std::move(*tag));
  }
  return options;
}

bool IsOver(const WriteOptions& options) {
  return (options.ttl && options.ttl->count() <= 0) ||
         (options.expires_at && *options.expires_at <= std::chrono::system_clock::now());
}

Result<std::string> TextFrom(std::istream& stream, const std::string& name) {
  if (!stream) {
    return Fail(ErrorCode::kUsage, fmt::format("cannot read {}", name), "name a file to read");
  }
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

Result<std::string> InputOf(const CacheCall& call) {
  if (call.Has("stdin")) return TextFrom(std::cin, "standard input");
  std::ifstream file(call.Text("file"), std::ios::binary);
  return TextFrom(file, call.Text("file"));
}

// Where nobody will find it again, say so.
void RemarkOnPlace(const CacheCall& call, const CacheKey& key) {
  const bool outside = !SecondLevelOf(call.config()).starts_with("none");
  if (PolicyOf(key.kind()).residence == Residence::kMemory) {
    Remark(call, fmt::format("{} never leaves the memory of a process, and this one ends now",
                             PolicyOf(key.kind()).name));
  } else if (!outside) {
    Remark(call, "without a second level nothing outlives this process");
  }
}

Result<ExitCode> AnswerCount(const CacheCall& call, std::string_view name, std::size_t count,
                             bool none_is_failure = false) {
  const ExitCode exit = none_is_failure && count == 0 ? ExitCode::kFailure : ExitCode::kDone;
  return Answer(call, {{name, count}}, std::to_string(count), exit);
}

// As it stands in the second level, read past the memory.
Task<Result<ExitCode>> GetFromStore(const CacheCall& call, CacheManager& caches, CacheKey key) {
  Store* store = caches.store();
  if (store == nullptr) {
    co_return Fail(ErrorCode::kUsage, "there is no second level", "give one with --l2");
  }
  std::vector<std::string> keys = {key.text()};
  const auto found = co_await store->Get(std::move(keys));
  if (!found) co_return Fail(found.error());
  Json json = {{"key", key.text()}, {"result", "miss"}};
  if (!found->front()) co_return Answer(call, json, "", ExitCode::kFailure);
  const Opened opened =
      OpenEnvelope(*found->front(), key.text(), CacheOptionsOf(call.config()).seal);
  if (!opened.envelope) {
    Remark(call, "what stands there cannot be opened");
    co_return Answer(call, json, "", ExitCode::kFailure);
  }
  const auto now = std::chrono::system_clock::now();
  const auto age = std::chrono::floor<std::chrono::seconds>(now - opened.envelope->created);
  json["result"] = "hit";
  json["level"] = "l2";
  json["age"] = age.count();
  json["stale"] = now >= opened.envelope->fresh_until;
  PutValue(json, opened.envelope->payload);
  std::string text = call.Has("explain") ? Explanation(json) + '\n' : std::string();
  text += call.Has("raw") ? opened.envelope->payload : Shown(opened.envelope->payload);
  if (call.json()) co_return Answer(call, json);
  co_return Print(text);
}

}  // namespace

Result<ExitCode> CacheGet(const CacheCall& call) {
  const CacheKey key = KeyTyped(call.words().front());
  return WithCache(call, [&call, key](CacheManager& caches) -> Task<Result<ExitCode>> {
    if (call.Text("level") == "l2") co_return co_await GetFromStore(call, caches, key);
    Cache<Value> cache = CacheOf(caches, key);
    if (call.Text("level") == "l1") co_return AnswerHit(call, key, cache.Peek(key));
    co_return AnswerHit(call, key, co_await cache.Get(key));
  });
}

Result<ExitCode> CacheSet(const CacheCall& call) {
  const CacheKey key = KeyTyped(call.words().front());
  auto options = WriteOptionsOf(call);
  if (!options) return Fail(options.error());
  Result<std::string> value = std::string();
  if (call.words().size() > 1) {
    value = call.words()[1];
  } else if (call.Has("file") || call.Has("stdin")) {
    value = InputOf(call);
  } else {
    return Fail(ErrorCode::kUsage, "set needs a value",
                "give it after the key, or with --file or --stdin");
  }
  if (!value) return Fail(value.error());
  const bool over = IsOver(*options);  // Then what was there goes, too.
  if (over) {
    Remark(call, "its time is over already: not stored");
  } else {
    RemarkOnPlace(call, key);
  }
  return WithCache(call, [&, key](CacheManager& caches) -> Task<Result<ExitCode>> {
    const bool held = co_await CacheOf(caches, key).Set(key, *value, *options);
    const bool stored = held && !over;
    co_return Answer(call, {{"key", key.text()}, {"stored", stored}}, stored ? "true" : "false",
                     stored || over ? ExitCode::kDone : ExitCode::kFailure);
  });
}

Result<ExitCode> CacheDel(const CacheCall& call) {
  const bool many = call.Has("pattern") || call.Has("tag");
  if (call.words().empty() && !many) {
    return Fail(ErrorCode::kUsage, "del needs a key", "give keys, --pattern or --tag");
  }
  std::vector<Selector> selectors;
  if (call.Has("pattern")) {
    for (Glob& glob : PatternTyped(call.Text("pattern"))) selectors.emplace_back(std::move(glob));
  }
  for (const std::string& text : call.All("tag")) {
    auto tag = TagTyped(text);
    if (!tag) return Fail(tag.error());
    selectors.emplace_back(std::move(*tag));
  }
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    std::size_t count = 0;
    for (const CacheKey& key : KeysTyped(call.words())) {
      if (co_await CacheOf(caches, key).Erase(key)) ++count;
    }
    for (const Selector& selector : selectors) count += co_await caches.Erase(selector);
    co_return AnswerCount(call, "deleted", count, !many);
  });
}

Result<ExitCode> CacheHas(const CacheCall& call) {
  const CacheKey key = KeyTyped(call.words().front());
  return WithCache(call, [&, key](CacheManager& caches) -> Task<Result<ExitCode>> {
    const bool there = co_await CacheOf(caches, key).Contains(key);
    co_return Answer(call, {{"key", key.text()}, {"exists", there}}, there ? "true" : "false",
                     there ? ExitCode::kDone : ExitCode::kFailure);
  });
}

// Left of the time for which it is served as it is.
Result<ExitCode> CacheTtl(const CacheCall& call) {
  if (call.Has("selftest")) return CacheTtlSelftest(call);
  if (call.words().empty()) return Fail(ErrorCode::kUsage, "ttl needs a key", "give one");
  const CacheKey key = KeyTyped(call.words().front());
  return WithCache(call, [&, key](CacheManager& caches) -> Task<Result<ExitCode>> {
    const auto info = co_await CacheOf(caches, key).Info(key);
    if (!info) {
      Remark(call, key.text() + " is not there");
      co_return Answer(call, {{"key", key.text()}, {"ttl", nullptr}}, "", ExitCode::kFailure);
    }
    co_return Answer(call, {{"key", key.text()}, {"ttl", info->ttl.count()}},
                     std::to_string(info->ttl.count()));
  });
}

Result<ExitCode> CacheMeta(const CacheCall& call) {
  const CacheKey key = KeyTyped(call.words().front());
  return WithCache(call, [&, key](CacheManager& caches) -> Task<Result<ExitCode>> {
    const auto info = co_await CacheOf(caches, key).Info(key);
    if (!info) {
      Remark(call, key.text() + " is not there");
      co_return ExitCode::kFailure;
    }
    Json tags = Json::array();
    for (const Tag& tag : info->tags) tags.push_back(tag.index + '=' + tag.value);
    co_return Answer(call, {{"key", key.text()},
                            {"created", UtcText(info->created)},
                            {"age", info->age.count()},
                            {"ttl", info->ttl.count()},
                            {"state", NameOf(info->state)},
                            {"fresh_until", UtcText(info->fresh_until)},
                            {"expires", UtcText(info->expires)},
                            {"negative", info->negative},
                            {"bytes", info->bytes},
                            {"compressed", info->compressed},
                            {"hits", info->hits},
                            {"level", NameOf(info->level)},
                            {"source", info->level == CacheLevel::kL1 ? "memory" : "second level"},
                            {"tags", std::move(tags)},
                            {"fence", info->fence}});
  });
}

Result<ExitCode> CacheMget(const CacheCall& call) {
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    Json list = Json::array();
    std::string text;
    bool all = true;
    // One by one where it is to be seen how each is found; a batch is one question a node.
    const std::vector<CacheKey> keys = KeysTyped(call.words());
    std::map<CacheKind, std::vector<CacheKey>> by_kind;
    std::map<std::string, Found> found;
    for (const CacheKey& key : keys) by_kind[key.kind()].push_back(key);
    for (auto& [kind, group] : by_kind) {
      std::vector<CacheKey> copy = group;
      auto hits = co_await caches.Open<Value>(kind).GetMany(std::move(copy));
      for (std::size_t i = 0; i < group.size(); ++i) {
        if (hits[i]) found[group[i].text()] = Found(Result<Hit<Value>>(*hits[i]));
      }
    }
    for (const CacheKey& key : keys) {
      const Json hit = HitJson(key, found[key.text()]);
      const bool there = hit.at("result") == "hit";
      all = all && there;
      if (call.Has("explain")) text += Explanation(hit) + '\n';
      if (there) text += Shown(*(*found[key.text()])->value);
      if (!there && !call.Has("explain")) Remark(call, key.text() + " is not there");
      list.push_back(hit);
    }
    co_return Answer(call, list, text, all ? ExitCode::kDone : ExitCode::kFailure);
  });
}

// One JSON object a line: {"key": …, "value": text, "ttl": seconds?}.
Result<ExitCode> CacheMset(const CacheCall& call) {
  const auto options = WriteOptionsOf(call);
  if (!options) return Fail(options.error());
  if (!call.Has("file") && !call.Has("stdin")) {
    return Fail(ErrorCode::kUsage, "mset needs entries", "name a file of JSON lines with --file");
  }
  const auto text = InputOf(call);
  if (!text) return Fail(text.error());
  std::map<CacheKind, std::vector<std::pair<CacheKey, Value>>> by_kind;
  std::istringstream lines(*text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.empty()) continue;
    const Json entry = Json::parse(line, nullptr, false);
    if (!entry.is_object() || !entry.contains("key") || !entry["key"].is_string() ||
        !entry.contains("value")) {
      return Fail(ErrorCode::kUsage, fmt::format("line {} is no entry", number),
                  R"(give objects like {"key": "k", "value": "v"}, one a line)");
    }
    const Json& value = entry["value"];
    const CacheKey key = KeyTyped(entry["key"].get<std::string>());
    by_kind[key.kind()].emplace_back(key,
                                     value.is_string() ? value.get<std::string>() : value.dump());
  }
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    std::size_t stored = 0;
    for (auto& [kind, entries] : by_kind) {
      RemarkOnPlace(call, entries.front().first);
      const auto done = co_await caches.Open<Value>(kind).SetMany(std::move(entries), *options);
      stored += static_cast<std::size_t>(std::count(done.begin(), done.end(), true));
    }
    co_return AnswerCount(call, "stored", stored);
  });
}

Result<ExitCode> CacheMdel(const CacheCall& call) {
  return WithCache(call, [&](CacheManager& caches) -> Task<Result<ExitCode>> {
    std::map<CacheKind, std::vector<CacheKey>> by_kind;
    for (const CacheKey& key : KeysTyped(call.words())) by_kind[key.kind()].push_back(key);
    std::size_t deleted = 0;
    for (auto& [kind, keys] : by_kind) {
      deleted += co_await caches.Open<Value>(kind).EraseMany(std::move(keys));
    }
    co_return AnswerCount(call, "deleted", deleted);
  });
}

Result<ExitCode> CacheGetOrSet(const CacheCall& call) {
  const CacheKey key = KeyTyped(call.words().front());
  const auto options = WriteOptionsOf(call);
  if (!options) return Fail(options.error());
  const auto limit = call.Duration("timeout", std::chrono::milliseconds(0));
  if (!limit) return Fail(limit.error());
  const std::string command = call.Text("cmd");
  if (command.empty()) {
    return Fail(ErrorCode::kUsage, "get-or-set needs a command", "give one with --cmd 'echo v'");
  }
  return WithCache(call, [&, key](CacheManager& caches) -> Task<Result<ExitCode>> {
    std::optional<Result<Hit<Value>>> found;
    ContextLoader<Value> load = [&](LoadContext& context) -> Task<Result<Value>> {
      if (options->ttl) context.FreshFor(*options->ttl);
      if (options->expires_at) context.ExpiresAt(*options->expires_at);
      for (const Tag& tag : options->tags) context.AddTag(tag);
      co_return co_await OutputOfShell(command);
    };
    std::function<Task<void>()> work = [&]() -> Task<void> {
      found = co_await CacheOf(caches, key).GetOrLoad(key, load);
    };
    if (!co_await Within(*limit, std::move(work))) {
      co_return Fail(ErrorCode::kUnreachable,
                     fmt::format("the command took longer than {} ms", limit->count()),
                     "give it more time with --timeout");
    }
    if (!*found) co_return Fail(found->error());
    co_return AnswerHit(call, key, found);
  });
}

// Adds to a number, atomically over all processes. With --tasks and --times as often at once, to
// see that nothing is lost.
Result<ExitCode> CacheIncr(const CacheCall& call) {
  const CacheKey key = KeyTyped(call.words().front());
  const auto options = WriteOptionsOf(call);
  if (!options) return Fail(options.error());
  const auto by = call.Number("by", 1, std::numeric_limits<long>::min());
  const auto tasks = call.Number("tasks", 1), times = call.Number("times", 1);
  for (const auto* number : {&by, &tasks, &times}) {
    if (!*number) return Fail(number->error());
  }
  return WithCache(call, [&, key](CacheManager& caches) -> Task<Result<ExitCode>> {
    Cache<Value> cache = CacheOf(caches, key);
    std::optional<Error> failed;
    std::string last;
    const auto add = [&](const Value* old) -> Result<Value> {
      long number = 0;
      if (old != nullptr) {
        const char* end = old->data() + old->size();
        const auto read = std::from_chars(old->data(), end, number);
        if (read.ec != std::errc() || read.ptr != end) {
          return Fail(ErrorCode::kUsage, fmt::format("{} holds no number", key.text()));
        }
      }
      return std::to_string(number + *by);
    };
    const auto many = [&]() -> Task<void> {
      for (long i = 0; i < *times && !failed; ++i) {
        std::function<Result<Value>(const Value*)> step = add;
        auto hit = co_await cache.Update(key, std::move(step), *options);
        if (!hit) {
          failed = hit.error();
        } else {
          last = *hit->value;
        }
      }
    };
    std::function<Task<void>(TaskGroup&)> all = [&](TaskGroup& group) -> Task<void> {
      for (long i = 0; i < *tasks; ++i) group.Start(many());
      co_return;
    };
    co_await RunGroup(co_await asio::this_coro::executor, 0, std::move(all));
    if (failed) co_return Fail(*failed);
    if (const Found now = co_await cache.Get(key); now && *now) last = *(*now)->value;
    co_return Answer(call, {{"key", key.text()}, {"value", last}}, last);
  });
}

}  // namespace spa
