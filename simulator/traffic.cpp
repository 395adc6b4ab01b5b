#include "simulator/traffic.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>

#include "simulator/ids.h"
#include "simulator/json_out.h"

namespace spa::sim {
namespace {

constexpr std::size_t kLogLength = 5'000;
enum Salt : std::uint64_t {
  k429 = 1,
  k503,
  k502,
  k504,
  k500,
  kReset,
  kResetBody,
  kTruncated,
  kHtml,
  kSlow,
  kJitter,
  kForm
};

// Graph's directory and SharePoint sides throttle apart; SharePoint REST and Graph's SharePoint
// side share.
std::size_t QuietIndex(Family family) {
  return static_cast<std::size_t>(family == Family::kSharePoint ? Family::kGraph : family);
}

std::string UrlKey(const Request& request) {
  std::string key = request.method + " " + request.target;
  if (!request.body.empty()) key += fmt::format(" {:x}", HashText(request.body));
  return key;
}

std::string ErrorBody(Family family, std::string_view code, std::string_view message) {
  std::string body;
  JsonOut json(body);
  if (family == Family::kSharePoint) {
    json.Open('{').Open("odata.error", '{').Field("code", code).Open("message", '{');
    json.Field("lang", "en-US").Field("value", message).Close('}').Close('}').Close('}');
  } else {
    json.Open('{').Open("error", '{').Field("code", code).Field("message", message);
    json.Open("innerError", '{').Field("date", TimeStamp()).Field("code", "throttledRequest");
    json.Close('}').Close('}').Close('}');
  }
  return body;
}

void Replace(Response& response, int status, std::string content_type, std::string body) {
  response.status = status;
  response.content_type = std::move(content_type);
  response.body = std::move(body);
  response.headers.clear();
  response.stream = nullptr;
}

constexpr char kHtmlPage[] =
    "<!DOCTYPE html><html><head><title>Sorry</title></head><body><h1>Something went wrong</h1>"
    "</body></html>";

}  // namespace

bool Traffic::Chance(std::uint64_t number, std::uint64_t salt, double rate) const {
  return rate > 0 && Unit(Hash(seed_, number, salt)) < rate;
}

std::uint64_t Traffic::Arrive(const Request& request, Family family) {
  const std::lock_guard lock(mutex_);
  ++counters_.http_requests;
  counters_.peak_in_flight = std::max(counters_.peak_in_flight, ++counters_.in_flight);
  if (Clock::now() < quiet_until_[QuietIndex(family)]) ++counters_.requests_while_throttled;
  NoteReturn(request);
  return next_number_++;
}

void Traffic::Leave(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  --counters_.in_flight;
  counters_.bytes_sent += bytes;
}

void Traffic::NoteReturn(const Request& request) {
  if (waits_.empty()) return;
  const auto found = waits_.find(UrlKey(request));
  if (found == waits_.end()) return;
  if (Clock::now() < found->second) ++counters_.early_retries;
  waits_.erase(found);
}

void Traffic::Judge(const Request& request, std::uint64_t number, Response& response) {
  const std::lock_guard lock(mutex_);
  switch (response.family) {
    case Family::kLogin:
      ++counters_.token;
      break;
    case Family::kSharePoint:
      ++counters_.sharepoint;
      break;
    case Family::kDirectory:
      ++counters_.directory;
      [[fallthrough]];
    default:
      ++counters_.graph;
  }
  if (response.batch_parts > 0 && response.family != Family::kSharePoint) {
    ++counters_.batches;
    counters_.batch_parts += static_cast<std::uint64_t>(response.batch_parts);
  }
  Charge(response, number, request);
  if (response.family != Family::kLogin || faults_.login) {
    if (!OverBudget(response, number, request)) {
      if (Chance(number, k429, faults_.rate_429)) {
        Throttle(request, number, 429, faults_.retry_after_seconds, response);
      } else if (Chance(number, k503, faults_.rate_503)) {
        Throttle(request, number, 503, faults_.retry_after_seconds, response);
      } else if (Break(number, response)) {
        for (const auto& key : response.part_waits) waits_.erase(key);  // Nobody heard of them.
      }
    }
  }
  response.delay_ms = faults_.latency_ms;
  if (faults_.latency_jitter_ms > 0) {
    response.delay_ms += static_cast<int>(Hash(seed_, number, kJitter) %
                                          static_cast<unsigned>(faults_.latency_jitter_ms));
  }
  ++counters_.by_status[response.status];
  Log(request, number, response);
}

void Traffic::JudgePart(const Request& part, Response& response, std::vector<std::string>& waits) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t number = next_part_++;
  // Sent together with its neighbours, so one of those being throttled says nothing about it.
  NoteReturn(part);
  Charge(response, number, part);
  if (!OverBudget(response, number, part) && faults_.batch_parts &&
      Chance(number, k429, faults_.rate_429)) {
    Throttle(part, number, 429, faults_.retry_after_seconds, response);
  }
  if (response.status == 429) waits.push_back(UrlKey(part));
}

void Traffic::Charge(Response& response, std::uint64_t, const Request&) {
  ++counters_.by_route[response.route];
  if (response.family == Family::kDirectory) {
    counters_.directory_units += static_cast<std::uint64_t>(response.units);
  } else {
    counters_.resource_units += static_cast<std::uint64_t>(response.units);
  }
}

bool Traffic::OverBudget(Response& response, std::uint64_t number, const Request& request) {
  using std::chrono::milliseconds;
  if (response.units == 0) return false;
  const milliseconds minute(faults_.minute_ms);
  if (response.family == Family::kDirectory) {
    return UseWindow(directory_, minute / 6, faults_.directory_units_per_10s, response, number,
                     request);
  }
  // Both are charged: throttled calls count too.
  const bool day = UseWindow(day_, minute * 1440, faults_.units_per_day, response, number, request);
  return UseWindow(minute_, minute, faults_.units_per_minute, response, number, request) || day;
}

bool Traffic::UseWindow(Window& window, std::chrono::milliseconds length, int limit,
                        Response& response, std::uint64_t number, const Request& request) {
  if (limit <= 0) return false;
  const auto now = Clock::now();
  if (window.start == Clock::time_point{} || now - window.start >= length) window = {now, 0};
  window.used += static_cast<std::uint64_t>(response.units);
  const double rest = std::chrono::duration<double>(window.start + length - now).count();
  const auto cap = static_cast<std::uint64_t>(limit);
  const bool over = window.used > cap;
  if (over && response.status != 429) Throttle(request, number, 429, rest, response);
  const bool announces = &window == &minute_ && window.used * 10 >= cap * 8;
  if (announces) {  // graph.md 6.1: the minute's limit alone, from 80 % on
    response.headers.emplace_back("RateLimit-Limit", std::to_string(limit));
    response.headers.emplace_back("RateLimit-Remaining",
                                  std::to_string(over ? 0 : cap - window.used));
    response.headers.emplace_back("RateLimit-Reset",
                                  std::to_string(static_cast<int>(std::ceil(rest))));
  }
  return over;
}

void Traffic::Throttle(const Request& request, std::uint64_t number, int status, double seconds,
                       Response& response) {
  std::string form = faults_.retry_after;
  if (form == "mixed") {
    constexpr const char* kForms[] = {"int", "decimal", "date", "missing"};
    form = kForms[Hash(seed_, number, kForm) % 4];
  }
  if (status == 429) {
    ++counters_.throttled;
    Replace(response, 429, "application/json",
            ErrorBody(response.family, "activityLimitReached", "The request has been throttled"));
  } else {
    ++counters_.unavailable;
    Replace(response, 503, "application/json",
            ErrorBody(response.family, "serviceNotAvailable", "The service is not available."));
  }
  if (form == "missing") return;
  const auto now = Clock::now();
  auto wait = std::chrono::duration<double>(seconds);
  if (form == "decimal") {
    response.headers.emplace_back("Retry-After", fmt::format("{:.3f}", seconds));
  } else if (form == "date") {
    const double wall =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    const double until = std::ceil(wall + seconds);
    wait = std::chrono::duration<double>(until - wall);
    response.headers.emplace_back("Retry-After", HttpDate(static_cast<long>(until)));
  } else {
    wait = std::chrono::duration<double>(std::ceil(seconds));
    response.headers.emplace_back("Retry-After",
                                  std::to_string(static_cast<long>(std::ceil(seconds))));
  }
  const auto until = now + std::chrono::duration_cast<Clock::duration>(wait);
  waits_[UrlKey(request)] = until;
  auto& quiet = quiet_until_[QuietIndex(response.family)];
  quiet = std::max(quiet, until);
}

bool Traffic::Break(std::uint64_t number, Response& response) {
  if (Chance(number, k500, faults_.rate_500)) {
    ++counters_.gateway_errors;
    Replace(response, 500, "application/json",
            ErrorBody(response.family, "generalException", "General exception while processing"));
  } else if (Chance(number, k502, faults_.rate_502)) {
    ++counters_.gateway_errors;
    Replace(response, 502, "text/html", "");
  } else if (Chance(number, k504, faults_.rate_504)) {
    ++counters_.gateway_errors;
    Replace(response, 504, "text/html", kHtmlPage);
  } else if (Chance(number, kReset, faults_.rate_reset)) {
    ++counters_.resets;
    response.reset = Response::Reset::kBefore;
  } else if (Chance(number, kResetBody, faults_.rate_reset_body)) {
    ++counters_.resets;
    response.reset = Response::Reset::kInBody;
  } else if (Chance(number, kTruncated, faults_.rate_truncated) && response.body.size() > 2) {
    ++counters_.truncations;
    response.body.resize(response.body.size() / 2);
  } else if (Chance(number, kHtml, faults_.rate_html)) {
    ++counters_.html_answers;
    Replace(response, 200, "text/html", kHtmlPage);
  } else if (Chance(number, kSlow, faults_.rate_slow)) {
    ++counters_.slow_bodies;
    response.piece_delay_ms = faults_.slow_ms;
    return false;
  } else {
    return false;
  }
  return true;
}

void Traffic::Log(const Request& request, std::uint64_t number, const Response& response) {
  std::string line;
  JsonOut json(line);
  json.Open('{').Field("number", number).Field("method", request.method);
  json.Field("target", request.target).Field("route", response.route);
  json.Field("status", response.status).Field("units", response.units);
  json.Field("parts", response.batch_parts).Field("in_flight", counters_.in_flight);
  json.Field("traceparent", request.Header("traceparent"));
  json.Field("client_request_id", request.Header("client-request-id")).Close('}');
  line += '\n';
  log_.push_back(std::move(line));
  if (log_.size() > kLogLength) log_.pop_front();
}

TrafficCounters Traffic::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

std::string Traffic::LogLines() const {
  const std::lock_guard lock(mutex_);
  std::string all;
  for (const auto& line : log_) all += line;
  return all;
}

void Traffic::Reset() {
  const std::lock_guard lock(mutex_);
  const int in_flight = counters_.in_flight;
  counters_ = TrafficCounters();
  counters_.in_flight = in_flight;
  waits_.clear();
  quiet_until_ = {};
  minute_ = day_ = directory_ = Window();
  log_.clear();
  next_number_ = 0;
  next_part_ = 1ULL << 40;
}

void Traffic::set_faults(FaultSpec faults) {
  const std::lock_guard lock(mutex_);
  faults_ = std::move(faults);
}

}  // namespace spa::sim
