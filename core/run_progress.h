// RunProgress: what a run has done so far, for whoever shows it. Written by the pipeline, read by
// the display, both on the io_context's thread.
#pragma once

#include <cstdint>

namespace spa {

struct RunProgress {
  std::int64_t sites_found = 0, sites_done = 0;
  std::int64_t libraries_found = 0, libraries_done = 0;
  std::int64_t items = 0;  // as delta gave them; repeats included
  std::int64_t scopes_found = 0, scopes_read = 0;
  std::int64_t groups_found = 0, groups_read = 0;
  const char* phase = "starting";
};

}  // namespace spa
