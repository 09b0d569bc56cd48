package io.calm.serving.http;

import io.calm.serving.reply.PreparedReply;
import io.calm.serving.reply.ReplySink;

/** The policy for starting prepared replies. Thread safe. */
@FunctionalInterface
public interface Admission {

  /** Starts replies immediately; the scheduler's queue is the only one. */
  Admission AT_ONCE = PreparedReply::start;

  /**
   * Starts a reply now or later. Its answer or its error goes to the sink, unless this method
   * throws.
   *
   * @throws io.calm.serving.reply.ApiException if the reply is rejected; the sink is then unused
   */
  PreparedReply.Running start(PreparedReply reply, ReplySink sink);

  /** Returns whether requests for a loaded model are taken already. */
  default boolean isOpen(String model) {
    return true;
  }
}
