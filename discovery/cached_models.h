// What a cache keeps of sites, libraries and lists: every field that an audit uses.
//
// Raise `schema` of the kind (cache/cache_policy.h) whenever a field changes its meaning.
#pragma once

#include "cache/json_codec.h"
#include "core/model.h"

namespace spa {

template <>
struct JsonFields<Site> {
  static constexpr auto kFields =
      std::tuple(JsonField("id", &Site::id), JsonField("parent_id", &Site::parent_id),
                 JsonField("root_id", &Site::root_id), JsonField("web_url", &Site::web_url),
                 JsonField("name", &Site::name), JsonField("is_personal", &Site::is_personal));
};

template <>
struct JsonFields<Drive> {
  static constexpr auto kFields =
      std::tuple(JsonField("id", &Drive::id), JsonField("site_id", &Drive::site_id),
                 JsonField("list_id", &Drive::list_id), JsonField("web_url", &Drive::web_url),
                 JsonField("name", &Drive::name), JsonField("type", &Drive::type),
                 JsonField("system", &Drive::system));
};

template <>
struct JsonFields<List> {
  static constexpr auto kFields =
      std::tuple(JsonField("id", &List::id), JsonField("site_id", &List::site_id),
                 JsonField("web_url", &List::web_url), JsonField("name", &List::name),
                 JsonField("template", &List::template_name), JsonField("hidden", &List::hidden),
                 JsonField("system", &List::system));
};

}  // namespace spa
