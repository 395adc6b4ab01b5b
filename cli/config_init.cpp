#include "cli/config_init.h"

#include <fmt/format.h>

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

Result<ConfigAnswers> AskForConfig(const Ask& ask) {
  ConfigAnswers answers;
  auto answer =
      AskKey(ask, "tenant_url", "SharePoint root, for example https://contoso.sharepoint.com");
  if (!answer) return Fail(answer.error());
  answers.tenant_url = *answer;
  answer = AskKey(ask, "auth.tenant_id", "Directory (tenant) id");
  if (!answer) return Fail(answer.error());
  answers.tenant_id = *answer;
  answer = AskKey(ask, "auth.client_id", "Application (client) id");
  if (!answer) return Fail(answer.error());
  answers.client_id = *answer;
  if (auto asked = AskCredential(ask, answers); !asked) return Fail(asked.error());
  return answers;
}

Result<ExitCode> CommandConfigInit(const Invocation& invocation) {
  const std::string given = invocation.flags.config_file;
  const std::string path = given.empty() ? "config/config.json" : given;
  ConfigAnswers answers;
  if (IsTerminal(stdin)) {
    const auto asked = AskForConfig([](const std::string& prompt) -> std::optional<std::string> {
      std::cerr << prompt << std::flush;
      std::string line;
      if (!std::getline(std::cin, line)) return std::nullopt;
      return line;
    });
    if (!asked) return Fail(asked.error());
    answers = *asked;
  }
  const std::string text = ConfigTemplate(answers).dump(2) + '\n';
  if (auto written = WriteWholeFile(path, text, invocation.flags.force); !written)
    return Fail(written.error());
  fmt::print(stderr, "Wrote {}. Check it with `sharepoint-audit doctor --config {}`.\n", path,
             path);
  return ExitCode::kDone;
}

}  // namespace spa
