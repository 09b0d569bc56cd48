package io.calm.serving.djl;

import ai.djl.modality.Input;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.Errors;
import io.calm.serving.reply.PreparedReply;
import io.calm.serving.reply.ReplySink;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A request that the plugin's handler claimed, on its way through DJL Serving's job queue: it
 * carries the prepared reply to the worker, and the answer goes past DJL Serving, to the sink. So
 * the queue bounds it and measures it like any job, while its client is watched and slowed down
 * for.
 *
 * <p>Either the worker that gets it starts the reply, or somebody ends it before: it is refused, or
 * its client is gone. Thread safe.
 */
final class ClaimedJob extends Input implements PreparedReply.Running {
  private static final Logger logger = LoggerFactory.getLogger(ClaimedJob.class);

  private final PreparedReply reply;
  private final ReplySink sink;
  private final CountDownLatch turn = new CountDownLatch(1);
  private State state = State.QUEUED;
  private boolean cancelled;
  private boolean paused;
  private Optional<PreparedReply.Running> running = Optional.empty();

  private enum State {
    QUEUED,
    STARTED,
    ENDED
  }

  ClaimedJob(PreparedReply reply, ReplySink sink) {
    this.reply = reply;
    this.sink = sink;
  }

  PreparedReply reply() {
    return reply;
  }

  /**
   * Starts the reply and waits for its first token or its end: as many requests wait in the
   * scheduler as there are workers, the others in DJL Serving's queue. On a worker.
   *
   * @throws InterruptedException if the worker is to end; the reply goes on without it
   */
  void run() throws InterruptedException {
    if (!leaveQueue(State.STARTED)) {
      return;
    }
    try {
      running(reply.start(new FirstSign()));
      turn.await();
    } catch (ApiException e) {
      Errors.send(e, reply.errors(), sink);
    } catch (RuntimeException | Error e) {
      logger.error("{}: a request failed", reply.model().name(), e);
      Errors.send(ApiException.bug(), reply.errors(), sink);
    }
  }

  private synchronized void running(PreparedReply.Running started) {
    running = Optional.of(started);
    if (cancelled) {
      started.cancel();
    } else if (paused) {
      started.pause();
    }
  }

  /** Answers with an error, unless a worker has taken the job or its client is gone. */
  void refuse(ApiException error) {
    if (leaveQueue(State.ENDED)) {
      reply.refuse(error, sink);
    }
  }

  @Override
  public synchronized void cancel() {
    cancelled = true;
    if (!leaveQueue(State.ENDED)) {
      running.ifPresent(PreparedReply.Running::cancel);
    }
  }

  @Override
  public synchronized void pause() {
    paused = true;
    running.ifPresent(PreparedReply.Running::pause);
  }

  @Override
  public synchronized void resume() {
    paused = false;
    running.ifPresent(PreparedReply.Running::resume);
  }

  private synchronized boolean leaveQueue(State next) {
    boolean queued = state == State.QUEUED;
    if (queued) {
      state = next;
    }
    return queued;
  }

  /** Tells DJL Serving's worker that there is nothing to do any more. */
  @Override
  public synchronized boolean isCancelled() {
    return state == State.ENDED;
  }

  /** The client's sink, which sets the worker free. */
  private final class FirstSign implements ReplySink {
    @Override
    public void started() {
      turn.countDown();
      sink.started();
    }

    @Override
    public void full(int status, String contentType, Map<String, String> headers, byte[] body) {
      turn.countDown();
      sink.full(status, contentType, headers, body);
    }

    @Override
    public void begin(String contentType) {
      sink.begin(contentType);
    }

    @Override
    public void write(byte[] bytes) {
      sink.write(bytes);
    }

    @Override
    public void end() {
      sink.end();
    }
  }
}
