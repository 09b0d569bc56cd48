package io.calm.serving.http;

import io.calm.serving.reply.PreparedReply;
import io.calm.serving.reply.ReplySink;

/** When prepared replies start. Thread safe. */
@FunctionalInterface
public interface Admission {

  /** At once: the scheduler's own queue is the only one. */
  Admission AT_ONCE = PreparedReply::start;

  /**
   * Starts a reply, now or when its turn comes. Its answer or its error goes to the sink, unless
   * this throws.
   *
   * @throws io.calm.serving.reply.ApiException if the reply is not taken; the sink was not used
   *     then
   */
  PreparedReply.Running start(PreparedReply reply, ReplySink sink);
}
