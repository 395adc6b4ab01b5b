#include "cache/redis_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "cache/redis/nodes.h"
#include "core/encoding.h"

namespace spa {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kPrefix = "sharepoint_audit:";
constexpr milliseconds kStampStays = std::chrono::hours(24 * 30);
constexpr char kEverything[] = "*";    // Announced by Clear.
constexpr std::size_t kPage = 1000;    // Keys a SCAN looks at.
constexpr std::size_t kSample = 1000;  // Values whose length Info asks for.

std::int64_t Millis(CacheTime time) {
  return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
}

template <class T>
T NumberOr(std::string_view text, T otherwise) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? value : otherwise;
}

tl::unexpected<Error> Strange(std::string_view what) {
  return Fail(ErrorCode::kMalformed, fmt::format("Redis gave a strange answer to {}", what));
}

std::string_view NameOf(PutWhen when) {
  switch (when) {
    case PutWhen::kAlways:
      return "always";
    case PutWhen::kAbsent:
      return "absent";
    case PutWhen::kPresent:
      return "present";
    case PutWhen::kFence:
      return "fence";
  }
  return "always";
}

class RedisStore final : public Store {
 public:
  RedisStore(asio::any_io_executor executor, RedisEndpoint endpoint, const StoreOptions& options)
      : endpoint_(std::move(endpoint)),
        clock_(options.clock),
        prefix_(kPrefix),
        nodes_(std::move(executor), endpoint_, OptionsOf(options),
               [this](const StoreChange& change) { Changed(change); }) {
    if (!options.name_space.empty()) prefix_ += UrlEncode(options.name_space) + ":";
    erased_ = "{" + prefix_ + "erased}";
  }

  Task<Status> Open() override { return nodes_.Open(); }
  Task<void> Close() override { return nodes_.Close(); }

  Task<Result<std::vector<std::optional<std::string>>>> Get(
      std::vector<std::string> keys) override {
    std::vector<RedisCommand> commands;
    commands.reserve(keys.size());
    for (const std::string& key : keys) {
      std::string wire = ToWire(key);
      const std::string_view word = wire;
      RedisCommand command;
      AppendCommand(command.bytes, {"GET", word});
      command.key = std::move(wire);
      commands.push_back(std::move(command));
    }
    RedisAnswers answers = co_await nodes_.Ask(std::move(commands));
    std::vector<std::optional<std::string>> values(answers.size());
    std::size_t failed = 0;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i]) {
        ++failed;
      } else if (!answers[i]->IsNull()) {
        values[i] = std::move(answers[i]->text);
      }
    }
    if (failed > 0 && failed == answers.size()) co_return tl::unexpected(answers[0].error());
    co_return values;
  }

  Task<Result<std::vector<StoredFence>>> Put(std::vector<StorePut> puts) override {
    std::vector<RedisCommand> commands;
    for (const StorePut& put : puts) {
      // Fence 0 says that nothing is there.
      const PutWhen when =
          put.when == PutWhen::kFence && put.fence == 0 ? PutWhen::kAbsent : put.when;
      std::string fence;  // As it stands in an envelope.
      for (int bit = 0; bit < 64; bit += 8) fence += static_cast<char>(put.fence >> bit);
      const std::string wire = ToWire(put.key), ttl = Ttl(put.expires);
      const std::string_view arguments[] = {put.envelope, ttl, NameOf(when), fence};
      const std::string fresh = NewOf(wire);
      commands.push_back(RedisCommand::Script(RedisScript::kPut, wire,
                                              {wire, LeaseOf(wire), FenceKeyOf(wire), fresh},
                                              arguments)
                             .Moving(fresh, wire));
    }
    AddIndexes(puts, commands);
    const std::size_t values = puts.size();
    RedisAnswers answers = co_await nodes_.Ask(std::move(commands));
    std::vector<StoredFence> fences(values);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i]) co_return tl::unexpected(answers[i].error());
      if (i >= values || answers[i]->IsNull()) continue;
      if (answers[i]->type != Resp::Type::kInteger) co_return Strange("a write");
      fences[i] = static_cast<std::uint64_t>(answers[i]->integer);
    }
    co_return fences;
  }

  Task<Result<std::size_t>> Erase(std::vector<std::string> keys) override {
    // The lease first: whoever gets one after that loads what is true after the erase.
    std::vector<RedisCommand> commands;
    for (const std::string& key : keys) {
      const std::string wire = ToWire(key), lease = LeaseOf(wire);
      commands.emplace_back(wire, std::initializer_list<std::string_view>{"UNLINK", lease});
      commands.emplace_back(wire, std::initializer_list<std::string_view>{"UNLINK", wire});
    }
    RedisAnswers answers = co_await nodes_.Ask(std::move(commands));
    std::size_t erased = 0;
    std::vector<std::string> unseen;  // The server tells nobody that nothing was there.
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i]) co_return tl::unexpected(answers[i].error());
      if (i % 2 == 0) continue;
      erased += static_cast<std::size_t>(answers[i]->integer);
      if (answers[i]->integer == 0) unseen.push_back(ToWire(keys[i / 2]));
    }
    auto told = co_await Announce(std::move(unseen));
    if (!told) co_return tl::unexpected(told.error());
    co_return erased;
  }

  Task<Result<Acquired>> Acquire(std::string key, milliseconds length) override {
    const std::string wire = ToWire(key), text = std::to_string(std::max<std::int64_t>(
                                              1, static_cast<std::int64_t>(length.count())));
    const std::string_view arguments[] = {text};
    RedisCommand command = RedisCommand::Script(RedisScript::kAcquire, wire,
                                                {wire, LeaseOf(wire), FenceKeyOf(wire)}, arguments);
    auto answer = co_await nodes_.AskOne(std::move(command));
    if (!answer) co_return tl::unexpected(answer.error());
    Acquired acquired;
    if (answer->type == Resp::Type::kString) {
      acquired.envelope = std::move(answer->text);
    } else if (answer->type == Resp::Type::kInteger) {
      acquired.retry_after = milliseconds(answer->integer);
    } else if (answer->items.size() == 1) {
      Lease lease;
      lease.key = std::move(key);
      lease.fence = static_cast<std::uint64_t>(answer->items[0].integer);
      acquired.lease = std::move(lease);
    } else {
      co_return Strange("a request for a lease");
    }
    co_return acquired;
  }

  Task<Result<bool>> Renew(Lease lease, milliseconds length) override {
    const std::string wire = ToWire(lease.key), fence = std::to_string(lease.fence),
                      text = std::to_string(length.count());
    const std::string_view arguments[] = {fence, text};
    RedisCommand command =
        RedisCommand::Script(RedisScript::kRenew, wire, {LeaseOf(wire)}, arguments);
    auto answer = co_await nodes_.AskOne(std::move(command));
    if (!answer) co_return tl::unexpected(answer.error());
    co_return answer->integer == 1;
  }

  Task<Result<bool>> Fill(Lease lease, StorePut put) override {
    const std::string wire = ToWire(lease.key), fence = std::to_string(lease.fence),
                      ttl = Ttl(put.expires);
    const std::string_view arguments[] = {put.envelope, ttl, fence};
    std::vector<RedisCommand> commands;
    const std::string fresh = NewOf(wire);
    commands.push_back(
        RedisCommand::Script(RedisScript::kFill, wire, {LeaseOf(wire), fresh}, arguments)
            .Moving(fresh, wire));
    std::vector<StorePut> puts;
    put.key = lease.key;
    puts.push_back(std::move(put));
    AddIndexes(puts, commands);
    RedisAnswers answers = co_await nodes_.Ask(std::move(commands));
    for (const auto& answer : answers) {
      if (!answer) co_return tl::unexpected(answer.error());
    }
    co_return answers[0]->integer == 1;
  }

  Task<Result<void>> Release(Lease lease) override {
    const std::string wire = ToWire(lease.key), fence = std::to_string(lease.fence);
    const std::string_view arguments[] = {fence};
    RedisCommand command =
        RedisCommand::Script(RedisScript::kRelease, wire, {LeaseOf(wire)}, arguments);
    auto answer = co_await nodes_.AskOne(std::move(command));
    if (!answer) co_return tl::unexpected(answer.error());
    co_return Result<void>();
  }

  Task<Result<ScanPage>> Scan(Glob glob, std::string cursor) override {
    const std::vector<std::size_t> holders = nodes_.Holders();
    std::size_t at = 0;
    std::string from = "0";
    if (const auto colon = cursor.find(':'); colon != std::string::npos) {
      at = NumberOr<std::size_t>(std::string_view(cursor).substr(0, colon), holders.size());
      from = cursor.substr(colon + 1);
    }
    ScanPage page;
    if (at >= holders.size()) co_return page;
    const bool ours = glob.pattern.starts_with(kPrefix);
    const std::string pattern = prefix_ + (ours ? glob.pattern.substr(kPrefix.size()) : "*");
    auto found = co_await ScanOne(holders[at], pattern, from);
    if (!found) co_return tl::unexpected(found.error());
    for (const std::string& wire : found->keys) {
      if (auto key = FromWire(wire); key && glob.Matches(*key))
        page.keys.push_back(std::move(*key));
    }
    if (!found->cursor.empty()) {
      page.cursor = fmt::format("{}:{}", at, found->cursor);
    } else if (at + 1 < holders.size()) {
      page.cursor = fmt::format("{}:0", at + 1);
    }
    co_return page;
  }

  Task<Result<std::vector<std::string>>> Tagged(Tag tag) override {
    std::set<std::string> keys;  // ZSCAN may name one twice.
    std::string cursor = "0";
    do {
      const std::string index = IndexOf(tag);
      RedisCommand command = RedisCommand(index, {"ZSCAN", index, cursor, "COUNT", "1000"});
      auto answer = co_await nodes_.AskOne(std::move(command));
      if (!answer) co_return tl::unexpected(answer.error());
      if (answer->items.size() != 2) co_return Strange("a look into an index");
      cursor = answer->items[0].text;
      const auto& pairs = answer->items[1].items;
      const auto now = static_cast<double>(Millis(clock_()));
      for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
        if (NumberOr<double>(pairs[i + 1].text, now) >= now) keys.insert(pairs[i].text);
      }
    } while (cursor != "0");
    co_return std::vector<std::string>(keys.begin(), keys.end());
  }

  Task<Result<void>> Untag(Tag tag, std::vector<std::string> keys) override {
    if (keys.empty()) co_return Result<void>();
    const std::string index = IndexOf(tag);
    std::vector<std::string_view> words = {"ZREM", index};
    words.insert(words.end(), keys.begin(), keys.end());
    RedisCommand command(index, {});
    command.bytes.clear();
    AppendCommand(command.bytes, words);
    auto answer = co_await nodes_.AskOne(std::move(command));
    if (!answer) co_return tl::unexpected(answer.error());
    co_return Result<void>();
  }

  Task<Result<void>> Stamp(Tag tag, CacheTime at) override {
    const std::string index = IndexOf(tag), stamp = StampOf(tag), text = std::to_string(Millis(at));
    RedisCommand query = RedisCommand(index, {"PTTL", index});
    auto left = co_await nodes_.AskOne(std::move(query));
    if (!left) co_return tl::unexpected(left.error());
    const std::string ttl =
        std::to_string(std::max<std::int64_t>(left->integer, kStampStays.count()));
    const std::string_view arguments[] = {text, ttl};
    const std::string fresh = stamp + ":new";
    RedisCommand command =
        RedisCommand::Script(RedisScript::kStamp, stamp, {stamp, fresh}, arguments)
            .Moving(fresh, stamp);
    auto answer = co_await nodes_.AskOne(std::move(command));
    if (!answer) co_return tl::unexpected(answer.error());
    co_return Result<void>();
  }

  Task<Result<std::vector<CacheTime>>> Stamps(std::vector<Tag> tags) override {
    std::vector<RedisCommand> commands;
    for (const Tag& tag : tags) {
      const std::string stamp = StampOf(tag);
      commands.emplace_back(stamp, std::initializer_list<std::string_view>{"GET", stamp});
    }
    RedisAnswers answers = co_await nodes_.Ask(std::move(commands));
    std::vector<CacheTime> stamps;
    for (const auto& answer : answers) {
      if (!answer) co_return tl::unexpected(answer.error());
      stamps.emplace_back(milliseconds(NumberOr<std::int64_t>(answer->text, 0)));
    }
    co_return stamps;
  }

  Task<Result<std::size_t>> Cleanup() override { co_return std::size_t{0}; }

  Task<Result<void>> Clear() override {
    // Leases before values: a load that began before must not fill what has been cleared.
    std::function<bool(std::string_view)> lease = [this](std::string_view key) {
      const std::string_view inner = Inner(key);
      return (key.ends_with("}:lease") && FromWire(inner)) || IsOfTag(inner, "tag:");
    };
    auto cleared = co_await Sweep("{" + prefix_ + "*", std::move(lease));
    if (!cleared) co_return cleared;
    std::function<bool(std::string_view)> value = [this](std::string_view key) {
      return FromWire(key).has_value();
    };
    cleared = co_await Sweep(prefix_ + "*", std::move(value));
    if (!cleared) co_return cleared;
    std::vector<std::string> everything;
    everything.push_back(kEverything);
    co_return co_await Announce(std::move(everything));
  }

  Task<Result<void>> AddCounters(std::map<std::string, std::int64_t> more) override {
    std::vector<RedisCommand> commands;
    const std::string key = Counters_();
    for (const auto& [name, by] : more) {
      const std::string amount = std::to_string(by);
      commands.emplace_back(key,
                            std::initializer_list<std::string_view>{"HINCRBY", key, name, amount});
    }
    RedisAnswers answers = co_await nodes_.Ask(std::move(commands));
    for (const auto& answer : answers) {
      if (!answer) co_return tl::unexpected(answer.error());
    }
    co_return Result<void>();
  }

  Task<Result<std::map<std::string, std::int64_t>>> Counters() override {
    const std::string key = Counters_();
    RedisCommand command = RedisCommand(key, {"HGETALL", key});
    auto answer = co_await nodes_.AskOne(std::move(command));
    if (!answer) co_return tl::unexpected(answer.error());
    std::map<std::string, std::int64_t> counters;
    for (std::size_t i = 0; i + 1 < answer->items.size(); i += 2) {
      counters[answer->items[i].text] = NumberOr<std::int64_t>(answer->items[i + 1].text, 0);
    }
    co_return counters;
  }

  Task<Result<void>> ResetCounters() override {
    const std::string key = Counters_();
    RedisCommand command = RedisCommand(key, {"UNLINK", key});
    auto answer = co_await nodes_.AskOne(std::move(command));
    if (!answer) co_return tl::unexpected(answer.error());
    co_return Result<void>();
  }

  void Watch(std::function<void(const StoreChange&)> listener) override {
    listener_ = std::move(listener);
  }
  bool watching() const override { return nodes_.watching(); }

  Task<Result<StoreInfo>> Info() override {
    StoreInfo info;
    info.kind = endpoint_.kind();
    info.place = endpoint_.place();
    std::uint64_t sampled = 0, sampled_bytes = 0;
    for (const std::size_t node : nodes_.Holders()) {
      const RedisConnection& connection = *nodes_.all()[node];
      if (!connection.session().server_version.empty()) {
        info.version = connection.session().server_version;
      }
      if (!connection.connected()) continue;  // Its node says so.
      std::string cursor = "0";
      while (!cursor.empty()) {
        auto page = co_await ScanOne(node, prefix_ + "*", cursor);
        if (!page) break;
        cursor = std::move(page->cursor);
        std::vector<RedisCommand> lengths;
        for (const std::string& wire : page->keys) {
          if (!FromWire(wire)) continue;
          ++info.entries;
          if (sampled + lengths.size() < kSample) {
            lengths.emplace_back(wire, std::initializer_list<std::string_view>{"STRLEN", wire});
          }
        }
        for (const RedisCommand& command : lengths) sampled_bytes += command.key.size();
        sampled += lengths.size();
        if (lengths.empty()) continue;
        RedisAnswers answers = co_await nodes_.AskAt(node, std::move(lengths));
        for (const auto& answer : answers) {
          if (answer) sampled_bytes += static_cast<std::uint64_t>(answer->integer);
        }
      }
    }
    if (sampled > 0) info.bytes = sampled_bytes * info.entries / sampled;
    for (const auto& node : nodes_.all()) info.nodes.push_back(node->Snapshot());
    co_return info;
  }

 private:
  RedisOptions OptionsOf(const StoreOptions& options) const {
    RedisOptions made;
    made.timeout = options.timeout;
    made.clock = options.clock;
    const std::string prefix =
        std::string(kPrefix) +
        (options.name_space.empty() ? "" : UrlEncode(options.name_space) + ":");
    made.watch = {prefix, "{" + prefix + "stamp:", "{" + prefix + "erased}"};
    const auto& sources = RedisScriptSources();
    made.scripts.assign(sources.begin(), sources.end());
    return made;
  }

  // A key's text has no more than the prefix and three parts; with a namespace one more stands
  // between. That tells our keys from those of other namespaces.
  std::string ToWire(const std::string& key) const {
    if (!key.starts_with(kPrefix)) return key;
    return prefix_ + key.substr(kPrefix.size());
  }
  std::optional<std::string> FromWire(std::string_view wire) const {
    if (!wire.starts_with(prefix_)) return {};
    const std::string_view rest = wire.substr(prefix_.size());
    if (std::count(rest.begin(), rest.end(), ':') != 2) return {};
    return std::string(kPrefix).append(rest);
  }
  static std::string LeaseOf(std::string_view wire) { return fmt::format("{{{}}}:lease", wire); }
  static std::string NewOf(std::string_view wire) { return fmt::format("{{{}}}:new", wire); }
  static std::string FenceKeyOf(std::string_view wire) { return fmt::format("{{{}}}:fence", wire); }
  std::string OfTag(std::string_view what, const Tag& tag) const {
    return fmt::format("{{{}{}{}={}}}", prefix_, what, UrlEncode(tag.index), UrlEncode(tag.value));
  }
  std::string IndexOf(const Tag& tag) const { return OfTag("tag:", tag); }
  std::string StampOf(const Tag& tag) const { return OfTag("stamp:", tag); }
  std::string Counters_() const { return fmt::format("{{{}counters}}", prefix_); }
  // What stands in the braces.
  static std::string_view Inner(std::string_view key) {
    const auto close = key.find('}');
    if (!key.starts_with('{') || close == std::string_view::npos) return {};
    return key.substr(1, close - 1);
  }
  bool IsOfTag(std::string_view inner, std::string_view what) const {
    if (!inner.starts_with(prefix_)) return false;
    const std::string_view rest = inner.substr(prefix_.size());
    return rest.starts_with(what) && rest.find(':', what.size()) == std::string_view::npos &&
           rest.find('=') != std::string_view::npos;
  }

  std::string Ttl(CacheTime expires) const {
    const auto left = std::chrono::duration_cast<milliseconds>(expires - clock_());
    return std::to_string(std::max<std::int64_t>(0, left.count()));
  }

  // One command a tag, with all that carry it.
  void AddIndexes(const std::vector<StorePut>& puts, std::vector<RedisCommand>& commands) const {
    std::map<Tag, std::vector<std::string>> by_tag;
    const std::string now = std::to_string(Millis(clock_()));
    for (const StorePut& put : puts) {
      for (const Tag& tag : put.tags) {
        auto& arguments = by_tag[tag];
        if (arguments.empty()) arguments.push_back(now);
        arguments.push_back(std::to_string(Millis(put.expires)));
        arguments.push_back(put.key);
      }
    }
    for (const auto& [tag, arguments] : by_tag) {
      const std::string index = IndexOf(tag);
      const std::vector<std::string_view> words(arguments.begin(), arguments.end());
      commands.push_back(RedisCommand::Script(RedisScript::kIndex, index, {index}, words));
    }
  }

  struct WirePage {
    WirePage() = default;
    std::vector<std::string> keys;
    std::string cursor;  // Empty: the end.
  };
  Task<Result<WirePage>> ScanOne(std::size_t node, std::string pattern, std::string cursor) {
    const std::string count = std::to_string(kPage);
    std::vector<RedisCommand> one;
    one.emplace_back("", std::initializer_list<std::string_view>{"SCAN", cursor, "MATCH", pattern,
                                                                 "COUNT", count});
    RedisAnswers answers = co_await nodes_.AskAt(node, std::move(one));
    if (!answers[0]) co_return tl::unexpected(answers[0].error());
    Resp& answer = *answers[0];
    if (answer.items.size() != 2) co_return Strange("a scan");
    WirePage page;
    if (answer.items[0].text != "0") page.cursor = std::move(answer.items[0].text);
    for (Resp& key : answer.items[1].items) page.keys.push_back(std::move(key.text));
    co_return page;
  }

  // Tells others of changes that no value shows: a key is written and dropped at once.
  Task<Result<void>> Announce(std::vector<std::string> names) {
    std::vector<RedisCommand> commands;
    for (const std::string& name : names) {
      const std::string key = erased_ + name;
      commands.emplace_back(erased_, std::initializer_list<std::string_view>{"SET", key, ""});
      commands.emplace_back(erased_, std::initializer_list<std::string_view>{"UNLINK", key});
    }
    RedisAnswers answers = co_await nodes_.Ask(std::move(commands));
    for (const auto& answer : answers) {
      if (!answer) co_return tl::unexpected(answer.error());
    }
    co_return Result<void>();
  }

  // Drops all keys of all servers that match and are `ours`.
  Task<Result<void>> Sweep(std::string pattern, std::function<bool(std::string_view)> ours) {
    for (const std::size_t node : nodes_.Holders()) {
      std::string cursor = "0";
      while (!cursor.empty()) {
        auto page = co_await ScanOne(node, pattern, cursor);
        if (!page) co_return tl::unexpected(page.error());
        cursor = std::move(page->cursor);
        std::vector<RedisCommand> drops;
        for (const std::string& key : page->keys) {
          if (!ours(key)) continue;
          drops.emplace_back(key, std::initializer_list<std::string_view>{"UNLINK", key});
        }
        if (drops.empty()) continue;
        RedisAnswers answers = co_await nodes_.AskAt(node, std::move(drops));
        for (const auto& answer : answers) {
          if (!answer) co_return tl::unexpected(answer.error());
        }
      }
    }
    co_return Result<void>();
  }

  void Changed(const StoreChange& wire) {
    if (!listener_) return;
    StoreChange change;
    change.everything = wire.everything;
    for (const std::string& key : wire.keys) {
      if (key.starts_with(erased_)) {
        const std::string_view name = std::string_view(key).substr(erased_.size());
        auto ours = FromWire(name);
        if (name == kEverything) change.everything = true;
        if (ours) change.keys.push_back(std::move(*ours));
      } else if (auto ours = FromWire(key)) {
        change.keys.push_back(std::move(*ours));
      } else if (key.ends_with('}') && IsOfTag(Inner(key), "stamp:")) {
        change.everything = true;
      }
    }
    if (change.everything || !change.keys.empty()) listener_(change);
  }

  RedisEndpoint endpoint_;
  CacheClock clock_;
  std::string prefix_;
  std::string erased_;  // Begins the keys of Announce.
  std::function<void(const StoreChange&)> listener_;
  RedisNodes nodes_;
};

}  // namespace

Result<std::unique_ptr<Store>> MakeRedisStore(asio::any_io_executor executor, std::string_view url,
                                              const StoreOptions& options,
                                              const StoreSecurity& security) {
  auto endpoint = ParseRedisUrl(url, security);
  if (!endpoint) return tl::unexpected(endpoint.error());
  return std::make_unique<RedisStore>(std::move(executor), std::move(*endpoint), options);
}

}  // namespace spa
