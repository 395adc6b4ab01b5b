#include "cache/redis/nodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/async/task_group.h"
#include "core/log/log.h"

namespace spa {
namespace {

constexpr int kRedirects = 5;
constexpr auto kSlotsEvery = std::chrono::seconds(1);

void AppendWord(std::string& out, std::string_view word) {
  out += fmt::format("${}\r\n", word.size());
  out.append(word).append("\r\n");
}

Error FromAnswer(const RedisHost& host, const Resp& answer) {
  constexpr std::array<std::string_view, 7> kPassing = {
      "LOADING", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "BUSY", "READONLY", "MOVED"};
  const std::string_view word = answer.ErrorWord();
  const std::string text = fmt::format("Redis {}: {}", host.Name(), answer.text);
  if (word == "NOPERM" || word == "NOAUTH") {
    return Error(ErrorCode::kAuth, text,
                 "give its user the rights that `cache security status` prints");
  }
  if (std::find(kPassing.begin(), kPassing.end(), word) != kPassing.end()) {
    return Error(ErrorCode::kUnreachable, text);
  }
  return Error(ErrorCode::kStorage, text);
}

}  // namespace

RedisCommand RedisCommand::Script(RedisScript script, std::string key,
                                  std::initializer_list<std::string_view> keys,
                                  std::span<const std::string_view> arguments) {
  RedisCommand command;
  command.script = script;
  command.key = std::move(key);
  command.words = 1 + keys.size() + arguments.size();
  AppendWord(command.bytes, std::to_string(keys.size()));
  for (const std::string_view word : keys) AppendWord(command.bytes, word);
  for (const std::string_view word : arguments) AppendWord(command.bytes, word);
  return command;
}

RedisCommand RedisCommand::Moving(std::string from, std::string to) && {
  move_from = std::move(from);
  move_to = std::move(to);
  return std::move(*this);
}

RedisNodes::RedisNodes(asio::any_io_executor executor, RedisEndpoint endpoint, RedisOptions options,
                       RedisConnection::Listener listener)
    : executor_(std::move(executor)),
      endpoint_(std::move(endpoint)),
      options_(std::move(options)),
      listener_(std::move(listener)) {
  options_.endpoint = endpoint_;
  std::vector<NodeRing::Node> ring;
  for (const RedisHost& host : endpoint_.hosts) {
    AddNode(host);
    ring.emplace_back(host.Name(), host.weight);
  }
  if (endpoint_.layout == RedisLayout::kRing) ring_.emplace(std::move(ring));
}

std::size_t RedisNodes::AddNode(const RedisHost& host) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i]->host().Name() == host.Name()) return i;
  }
  RedisOptions options = options_;
  options.host = host;
  nodes_.push_back(std::make_unique<RedisConnection>(executor_, std::move(options), listener_));
  return nodes_.size() - 1;
}

Task<Status> RedisNodes::Open() {
  std::vector<Status> opened(nodes_.size());
  co_await RunGroup(executor_, 0, [&](TaskGroup& group) -> Task<void> {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      group.Start([](RedisConnection& node, Status& status) -> Task<void> {
        status = co_await node.Open();
      }(*nodes_[i], opened[i]));
    }
    co_return;
  });
  bool any = false;
  for (const Status& status : opened) any = any || status.has_value();
  for (const Status& status : opened) {
    if (status) continue;
    if (!any) co_return tl::unexpected(status.error());
    log::Warn("cache: going on without one server: " + status.error().message);
  }
  if (endpoint_.layout == RedisLayout::kCluster) co_return co_await ReadSlots();
  co_return Status();
}

Task<void> RedisNodes::Close() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) co_await nodes_[i]->Close();
}

bool RedisNodes::watching() const {
  const auto holders = Holders();
  return !holders.empty() && std::all_of(holders.begin(), holders.end(), [this](std::size_t i) {
    return nodes_[i]->connected() && nodes_[i]->session().tracking;
  });
}

std::vector<std::size_t> RedisNodes::Holders() const {
  std::set<std::size_t> holders;
  if (endpoint_.layout == RedisLayout::kCluster) {
    for (const int node : slots_) {
      if (node >= 0) holders.insert(static_cast<std::size_t>(node));
    }
  } else {
    for (std::size_t i = 0; i < nodes_.size(); ++i) holders.insert(i);
  }
  return {holders.begin(), holders.end()};
}

std::optional<std::size_t> RedisNodes::NodeOf(std::string_view key) const {
  if (ring_) return ring_->Route(key);
  if (endpoint_.layout == RedisLayout::kSingle) return 0;
  if (slots_.empty()) return {};
  const int node = slots_[SlotOf(key)];
  if (node < 0) return {};
  return static_cast<std::size_t>(node);
}

Task<Status> RedisNodes::ReadSlots() {
  slots_read_ = std::chrono::steady_clock::now();
  Error failure(ErrorCode::kUnreachable, "no server of the Redis cluster answers");
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i]->connected()) continue;
    RedisBatch batch;
    batch.Add({"CLUSTER", "SLOTS"});
    auto answers = co_await nodes_[i]->Call(std::move(batch));
    if (!answers) {
      failure = answers.error();
      continue;
    }
    const auto table = SlotTable::Read(answers->front(), nodes_[i]->host());
    if (!table) {
      failure = answers->front().IsError()
                    ? FromAnswer(nodes_[i]->host(), answers->front())
                    : Error(ErrorCode::kUsage,
                            fmt::format("Redis {} is in no cluster that serves keys",
                                        nodes_[i]->host().Name()),
                            "use redis:// or redis+ring://");
      continue;
    }
    std::vector<int> places;
    for (const RedisHost& master : table->masters) {
      const std::size_t before = nodes_.size();
      const std::size_t at = AddNode(master);
      places.push_back(static_cast<int>(at));
      if (at != before) continue;
      const Status opened = co_await nodes_[at]->Open();
      if (!opened) log::Warn("cache: going on without one server: " + opened.error().message);
    }
    slots_.assign(kRedisSlots, -1);
    for (std::size_t slot = 0; slot < kRedisSlots; ++slot) {
      if (table->node_of[slot] >= 0) {
        slots_[slot] = places[static_cast<std::size_t>(table->node_of[slot])];
      }
    }
    co_return Status();
  }
  co_return tl::unexpected(failure);
}

Task<Result<std::vector<Resp>>> RedisNodes::Send(std::size_t node,
                                                 const std::vector<const RedisCommand*>& commands,
                                                 bool ask) {
  RedisConnection& to = *nodes_[node];
  const std::vector<std::string>& ids = to.session().script_ids;
  RedisBatch batch;
  for (const RedisCommand* command : commands) {
    if (ask) batch.Add({"ASKING"});
    if (!command->script) {
      batch.AddEncoded(command->bytes);
      continue;
    }
    const bool moves = !command->move_to.empty();
    if (moves) batch.Add({"MULTI"});
    const auto script = static_cast<std::size_t>(*command->script);
    std::string call = fmt::format("*{}\r\n$7\r\nEVALSHA\r\n", command->words + 2);
    AppendWord(call, script < ids.size() ? ids[script] : std::string());
    call += command->bytes;
    batch.AddEncoded(call);
    if (!moves) continue;
    batch.Add({"RENAME", command->move_from, command->move_to});
    batch.Add({"EXEC"});
  }
  auto came = co_await to.Call(std::move(batch));
  if (!came) co_return came;
  std::vector<Resp> answers;
  std::size_t at = 0;
  for (const RedisCommand* command : commands) {
    if (ask) ++at;
    if (!command->script || command->move_to.empty()) {
      answers.push_back(std::move((*came)[at++]));
      continue;
    }
    // MULTI, the script, RENAME, EXEC. What kept it from being queued says more than EXEC's error.
    Resp& queued = (*came)[at + 1];
    Resp& done = (*came)[at + 3];
    if (queued.IsError()) {
      answers.push_back(std::move(queued));
    } else if (!done.items.empty()) {
      answers.push_back(std::move(done.items.front()));
    } else {
      answers.push_back(std::move(done));
    }
    at += 4;
  }
  co_return answers;
}

// `answer` is what the server said at first: follows redirects, loads a script that is not there,
// and turns an error into one.
Task<void> RedisNodes::Settle(std::size_t node, const RedisCommand& command, Result<Resp>& answer) {
  bool ask = false;  // Also after a script had to be loaded there.
  for (int hops = 0; answer && answer->IsError() && hops < kRedirects; ++hops) {
    if (answer->ErrorWord() == "NOSCRIPT" && command.script) {
      RedisBatch batch;
      batch.Add(
          {"SCRIPT", "LOAD", RedisScriptSources()[static_cast<std::size_t>(*command.script)]});
      auto loaded = co_await nodes_[node]->Call(std::move(batch));
      if (!loaded) {
        answer = tl::unexpected(loaded.error());
        break;
      }
    } else if (const auto redirect = Redirect::Read(answer->text, nodes_[node]->host());
               redirect && endpoint_.layout == RedisLayout::kCluster) {
      const std::size_t before = nodes_.size();
      node = AddNode(redirect->to);
      if (node == before) {
        const Status opened = co_await nodes_[node]->Open();
        if (!opened) {
          answer = tl::unexpected(opened.error());
          break;
        }
      }
      ask = redirect->ask;
      if (!ask && !slots_.empty()) slots_[redirect->slot] = static_cast<int>(node);
      // The rest of the table may have changed, too.
      if (!ask && std::chrono::steady_clock::now() - slots_read_ > kSlotsEvery) {
        const Status read = co_await ReadSlots();
        if (!read) log::Debug("cache: " + read.error().message);
      }
    } else {
      break;
    }
    const std::vector<const RedisCommand*> again = {&command};
    auto answers = co_await Send(node, again, ask);
    if (answers) {
      answer = std::move(answers->back());
    } else {
      answer = tl::unexpected(answers.error());
    }
  }
  if (answer && answer->IsError()) {
    answer = tl::unexpected(FromAnswer(nodes_[node]->host(), *answer));
  }
}

Task<void> RedisNodes::AskNode(std::size_t node, const std::vector<RedisCommand>& commands,
                               std::vector<std::size_t> which, RedisAnswers& answers) {
  std::vector<const RedisCommand*> leaving;
  leaving.reserve(which.size());
  for (const std::size_t i : which) leaving.push_back(&commands[i]);
  auto came = co_await Send(node, leaving, false);
  if (!came && endpoint_.layout == RedisLayout::kCluster &&
      std::chrono::steady_clock::now() - slots_read_ > kSlotsEvery) {
    // Perhaps another server has taken its slots over.
    const Status read = co_await ReadSlots();
    if (!read) log::Debug("cache: " + read.error().message);
    const auto now = NodeOf(commands[which.front()].key);
    if (read && now && *now != node) {
      node = *now;
      came = co_await Send(node, leaving, false);
    }
  }
  for (std::size_t i = 0; i < which.size(); ++i) {
    Result<Resp>& answer = answers[which[i]];
    if (!came) {
      answer = tl::unexpected(came.error());
    } else {
      answer = std::move((*came)[i]);
      if (answer->IsError()) co_await Settle(node, commands[which[i]], answer);
    }
  }
}

Task<RedisAnswers> RedisNodes::Ask(std::vector<RedisCommand> commands) {
  RedisAnswers answers(commands.size());
  std::map<std::size_t, std::vector<std::size_t>> by_node;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (const auto node = NodeOf(commands[i].key)) {
      by_node[*node].push_back(i);
    } else {
      answers[i] = Fail(ErrorCode::kUnreachable, "no server of the Redis cluster has this key");
    }
  }
  if (by_node.size() == 1) {  // The common case, and no further turn of the loop.
    auto& [node, which] = *by_node.begin();
    co_await AskNode(node, commands, std::move(which), answers);
  } else if (by_node.size() > 1) {
    co_await RunGroup(executor_, 0, [&](TaskGroup& group) -> Task<void> {
      for (auto& [node, which] : by_node) {
        group.Start(AskNode(node, commands, std::move(which), answers));
      }
      co_return;
    });
  } else if (endpoint_.layout == RedisLayout::kCluster &&
             std::chrono::steady_clock::now() - slots_read_ > kSlotsEvery) {
    const Status read = co_await ReadSlots();  // For the next caller.
    if (!read) log::Debug("cache: " + read.error().message);
  }
  co_return answers;
}

Task<Result<Resp>> RedisNodes::AskOne(RedisCommand command) {
  std::vector<RedisCommand> commands;
  commands.push_back(std::move(command));
  RedisAnswers answers = co_await Ask(std::move(commands));
  co_return std::move(answers.front());
}

Task<RedisAnswers> RedisNodes::AskAt(std::size_t node, std::vector<RedisCommand> commands) {
  RedisAnswers answers(commands.size());
  std::vector<const RedisCommand*> leaving;
  leaving.reserve(commands.size());
  for (const RedisCommand& command : commands) leaving.push_back(&command);
  auto came = co_await Send(node, leaving, false);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (!came) {
      answers[i] = tl::unexpected(came.error());
    } else if ((*came)[i].IsError()) {
      answers[i] = tl::unexpected(FromAnswer(nodes_[node]->host(), (*came)[i]));
    } else {
      answers[i] = std::move((*came)[i]);
    }
  }
  co_return answers;
}

}  // namespace spa
