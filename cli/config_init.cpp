#include "cli/config_init.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>

#include "cli/commands.h"
#include "cli/files.h"
#include "cli/terminal.h"
#include "core/log/terminal_text.h"

namespace spa {
namespace {

tl::unexpected<Error> Ended() {
  return Fail(ErrorCode::kUsage, "the input ended before all questions were answered",
              "run `sharepoint-audit config init < /dev/null` for a template to fill in");
}

// Asks for the value of a key; says what is wrong with an answer and asks again.
Result<std::string> AskKey(const Ask& ask, std::string_view path, std::string_view question) {
  const ConfigKey& key = *FindConfigKey(path);
  std::string complaint;
  while (true) {
    const auto answer = ask(fmt::format("{}{}: ", complaint, question));
    if (!answer) return Ended();
    if (answer->empty()) {
      complaint = "An answer is needed.\n";
      continue;
    }
    Config scratch;
    const auto set = SetValue(scratch, key, *answer, "your answer");
    if (set) return GetValue(scratch, key, Secrets::kShown).get<std::string>();
    complaint = EscapeForTerminal(set.error().message + "; " + set.error().remedy) + "\n";
  }
}

Result<std::string> AskText(const Ask& ask, const std::string& question,
                            const std::string& standard) {
  const auto answer = ask(fmt::format("{} [{}]: ", question, standard));
  if (!answer) return Ended();
  return answer->empty() ? standard : *answer;
}

Status AskCredential(const Ask& ask, ConfigAnswers& answers) {
  std::string complaint;
  while (true) {
    const auto kind =
        AskText(ask, complaint + "Sign in with (certificate, secret, federated, managed-identity)",
                "certificate");
    if (!kind) return Fail(kind.error());
    Result<std::string> answer;
    if (*kind == "certificate") {
      answer = AskText(ask, "PEM or PFX file with certificate and key", "certificate.pem");
      if (!answer) return Fail(answer.error());
      answers.certificate_path = *answer;
      answer = AskText(ask, "Environment variable with its password, or none", "none");
      if (answer && *answer != "none") answers.certificate_password = "env:" + *answer;
    } else if (*kind == "secret") {
      answer =
          AskText(ask, "Environment variable that will hold the secret", "AZURE_CLIENT_SECRET");
      if (answer) answers.client_secret = "env:" + *answer;
    } else if (*kind == "federated") {
      answer = AskText(ask, "File with the federated token",
                       "/var/run/secrets/azure/tokens/azure-identity-token");
      if (answer) answers.federated_token_file = *answer;
    } else if (*kind == "managed-identity") {
      answers.managed_identity = true;
    } else {
      complaint = "That is none of the four.\n";
      continue;
    }
    if (!answer) return Fail(answer.error());
    return {};
  }
}

}  // namespace

Result<ConfigAnswers> AskForConfig(const Ask& ask, const GivenKeys& given) {
  ConfigAnswers answers;
  struct Question {
    std::string_view path, text;
    std::string ConfigAnswers::*answer;
  };
  constexpr std::array kQuestions = {
      Question{"tenant_url", "SharePoint root, for example https://contoso.sharepoint.com",
               &ConfigAnswers::tenant_url},
      Question{"auth.tenant_id", "Directory (tenant) id", &ConfigAnswers::tenant_id},
      Question{"auth.client_id", "Application (client) id", &ConfigAnswers::client_id}};
  for (const Question& question : kQuestions) {
    if (given.contains(std::string(question.path))) continue;
    auto answer = AskKey(ask, question.path, question.text);
    if (!answer) return Fail(answer.error());
    answers.*question.answer = *std::move(answer);
  }
  for (const char* credential :
       {"auth.certificate_path", "auth.federated_token_file", "auth.managed_identity"}) {
    if (given.contains(credential)) return answers;
  }
  if (auto asked = AskCredential(ask, answers); !asked) return Fail(asked.error());
  return answers;
}

Result<std::string> ConfigFileText(const ConfigAnswers& answers, const GivenKeys& given) {
  OrderedJson document = ConfigTemplate(answers);
  for (const auto& [path, text] : given) {
    const ConfigKey& key = *FindConfigKey(path);
    Config scratch;
    const auto set =
        SetValue(scratch, key, ValueFromText(key, text), fmt::format("flag {}", key.flag));
    if (!set) return Fail(set.error());
    std::string pointer = '/' + path;
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    document[OrderedJson::json_pointer(pointer)] = GetValue(scratch, key, Secrets::kShown);
  }
  return CommentedConfig(document);
}

Result<ExitCode> CommandConfigInit(const Invocation& invocation) {
  const Flags& flags = invocation.flags;
  const std::string path = flags.config_file.empty() ? "config/config.json" : flags.config_file;
  std::error_code ignored;
  if (!flags.force && std::filesystem::exists(path, ignored)) {
    return Fail(ErrorCode::kUsage, fmt::format("{} is there already", path),
                "give another name with --config, or --force to overwrite it");
  }
  ConfigAnswers answers;
  const bool asks = IsTerminal(stdin);
  if (asks) {
    const auto asked = AskForConfig(
        [](const std::string& prompt) -> std::optional<std::string> {
          std::cerr << prompt << std::flush;
          std::string line;
          if (!std::getline(std::cin, line)) return std::nullopt;
          return line;
        },
        flags.keys);
    if (!asked) return Fail(asked.error());
    answers = *asked;
  }
  const auto text = ConfigFileText(answers, flags.keys);
  if (!text) return Fail(text.error());
  if (auto written = WriteWholeFile(path, *text, flags.force); !written)
    return Fail(written.error());
  // A template with nobody's ids in it has nothing to check yet.
  const bool ready =
      asks || (flags.keys.contains("tenant_url") && flags.keys.contains("auth.tenant_id"));
  if (flags.no_doctor || !ready) {
    fmt::print(
        stderr,
        "Wrote {0}. Fill it in, then check it with `sharepoint-audit doctor --config {0}`.\n",
        path);
    return ExitCode::kDone;
  }
  fmt::print(stderr, "Wrote {}. The doctor looks whether an audit would work:\n", path);
  Invocation check = invocation;
  check.flags.command = "doctor";
  check.flags.config_file = path;
  check.flags.keys.clear();  // They are in the file.
  const auto exit = CommandDoctor(check);
  if (!exit || *exit != ExitCode::kDone) return exit;
  fmt::print(stderr,
             "All is well. Next: `sharepoint-audit plan --config {0}`, then "
             "`sharepoint-audit audit --config {0}`.\n",
             path);
  return exit;
}

}  // namespace spa
