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
 * A request of the plugin's own routes in DJL Serving's job queue. It carries the prepared reply to
 * a worker; the answer goes directly to the sink. So the queue limits and measures it like any job,
 * while hang-ups are detected and slow readers throttled.
 *
 * <p>A job ends exactly once: a worker starts its reply, or it is refused or its client hangs up
 * before. Thread safe.
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
   * Starts the reply on a worker's thread, and waits for its first token or its end. So at most as
   * many requests wait in the scheduler as there are workers; the others wait in DJL Serving's
   * queue.
   *
   * @throws InterruptedException if the worker must end; the reply continues without it
   */
  void run() throws InterruptedException {
    if (!leaveQueue(State.STARTED)) {
      return;
    }
    try {
      running(reply.start(new ReleasingSink()));
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

  /** Answers with an error, unless a worker has taken the job or its client has hung up. */
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

  /** Returns whether DJL Serving's worker can skip the job. */
  @Override
  public synchronized boolean isCancelled() {
    return state == State.ENDED;
  }

  /** The client's sink, which releases the worker at the first token or the end. */
  private final class ReleasingSink implements ReplySink {
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
    public void begin(String contentType, Map<String, String> headers) {
      sink.begin(contentType, headers);
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
