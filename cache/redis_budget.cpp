#include "cache/redis_budget.h"

#include <fmt/format.h>

#include "core/encoding.h"

namespace spa {
namespace {

constexpr std::chrono::milliseconds kMinuteSlot{1000};
constexpr std::chrono::milliseconds kDaySlot{24 * 60 * 1000};
// One more than the window is long, so that a unit counts until its time has surely passed.
constexpr int kMinuteSlots = 60 + RedisBudget::kSlack.count() + 1;
constexpr int kDaySlots = 61;
static_assert(RedisBudget::kQuiet >
              RedisBudget::kAway + kMinuteSlots * kMinuteSlot + RedisBudget::kSlack);

}  // namespace

RedisBudget::RedisBudget(asio::any_io_executor executor, RedisEndpoint endpoint, std::string who,
                         int number, int count, const std::vector<std::string>& names,
                         std::function<void()> held)
    : who_(std::move(who)),
      member_(fmt::format("{}/{}", number, count)),
      nodes_(std::move(executor), std::move(endpoint), OptionsOf(names),
             [held = std::move(held)](const StoreChange&) { held(); }) {}

std::string RedisBudget::KeyOf(const std::string& name) const {
  return fmt::format("{{sharepoint_audit:budget:{}:{}}}", UrlEncode(who_), name);
}

RedisOptions RedisBudget::OptionsOf(const std::vector<std::string>& names) const {
  RedisOptions options;
  for (const std::string& name : names) options.watch.push_back(KeyOf(name) + ":hold");
  const auto& sources = RedisScriptSources();
  options.scripts.assign(sources.begin(), sources.end());
  return options;
}

Task<Result<RedisBudget::Taken>> RedisBudget::Take(std::string name, Wish wish) {
  const std::string key = KeyOf(name);
  const std::string minute = key + ":minute", day = key + ":day", hold = key + ":hold",
                    members = key + ":members";
  std::vector<std::string> words = {member_, std::to_string(heard_[name])};
  for (const std::int64_t number :
       {wish.alone_in_minute, wish.alone, wish.need, wish.want, wish.limits.per_minute,
        std::int64_t{kMinuteSlot.count()}, std::int64_t{kMinuteSlots}, wish.limits.per_day,
        std::int64_t{kDaySlot.count()}, std::int64_t{kDaySlots},
        std::int64_t{std::chrono::milliseconds(kAway).count()}}) {
    words.push_back(std::to_string(number));
  }
  const std::vector<std::string_view> arguments(words.begin(), words.end());
  auto command =
      RedisCommand::Script(RedisScript::kTake, key, {minute, day, hold, members}, arguments);
  auto answer = co_await nodes_.AskOne(std::move(command));
  if (!answer) co_return tl::unexpected(std::move(answer.error()));
  if (answer->items.size() != 5) {
    co_return Fail(ErrorCode::kMalformed, "Redis gave a strange answer about the budget");
  }
  heard_[name] = answer->items[4].integer;
  Taken taken;
  taken.units = answer->items[0].integer;
  taken.wait = std::chrono::milliseconds(answer->items[1].integer);
  taken.held = answer->items[2].integer != 0;
  taken.left_today = answer->items[3].integer;
  co_return taken;
}

Task<Status> RedisBudget::Hold(std::string name, std::chrono::milliseconds time) {
  const std::string key = KeyOf(name), hold = key + ":hold";
  const std::string length = std::to_string(std::max<std::int64_t>(1, time.count()));
  const std::string_view arguments[] = {length};
  auto command = RedisCommand::Script(RedisScript::kHold, key, {hold}, arguments);
  auto answer = co_await nodes_.AskOne(std::move(command));
  if (!answer) co_return tl::unexpected(std::move(answer.error()));
  co_return Status();
}

Task<Status> RedisBudget::Leave(std::string name) {
  const std::string key = KeyOf(name), members = key + ":members";
  const std::string_view arguments[] = {member_};
  auto command = RedisCommand::Script(RedisScript::kLeave, key, {members}, arguments);
  auto answer = co_await nodes_.AskOne(std::move(command));
  if (!answer) co_return tl::unexpected(std::move(answer.error()));
  heard_[name] = 0;
  co_return Status();
}

}  // namespace spa
