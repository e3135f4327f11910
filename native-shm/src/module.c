#include "native.h"

// Once in each thread that loads the addon.
NAPI_MODULE_INIT() {
  static const napi_property_descriptor FUNCTIONS[] = {
      {.utf8name = "createSegment", .method = js_create_segment, .attributes = napi_enumerable},
      {.utf8name = "linkSegment", .method = js_link_segment, .attributes = napi_enumerable},
      {.utf8name = "openSegment", .method = js_open_segment, .attributes = napi_enumerable},
      {.utf8name = "closeSegment", .method = js_close_segment, .attributes = napi_enumerable},
      {.utf8name = "lockPlaces", .method = js_lock_places, .attributes = napi_enumerable},
      {.utf8name = "unlockPlaces", .method = js_unlock_places, .attributes = napi_enumerable},
      {.utf8name = "arePlacesLocked", .method = js_are_places_locked, .attributes = napi_enumerable},
      {.utf8name = "futexWait", .method = js_futex_wait, .attributes = napi_enumerable},
      {.utf8name = "futexWake", .method = js_futex_wake, .attributes = napi_enumerable},
      {.utf8name = "startWaiting", .method = js_start_waiting, .attributes = napi_enumerable},
      {.utf8name = "pinThread", .method = js_pin_thread, .attributes = napi_enumerable},
      {.utf8name = "affinity", .method = js_affinity, .attributes = napi_enumerable},
      {.utf8name = "yieldCore", .method = js_yield_core, .attributes = napi_enumerable},
  };
  CHECK(env, napi_define_properties(env, exports, sizeof FUNCTIONS / sizeof FUNCTIONS[0], FUNCTIONS));
  return exports;
}
