package io.calm.loadtest.client;

import com.fasterxml.jackson.databind.JsonNode;

/** A schema of requests and of streamed answers. Stateless. */
interface Dialect {
  /** Returns the path that takes the requests. */
  String path(String model);

  /** Returns a request's body. */
  JsonNode body(String model, Ask ask);

  /** Takes one event of an answer. */
  void read(JsonNode event, AnswerBuilder answer);

  /** Returns whether a good answer ends with {@code [DONE]}. */
  boolean endsWithDone();

  /** Returns whether every generated token has an event of its own. */
  boolean oneEventAToken();
}
