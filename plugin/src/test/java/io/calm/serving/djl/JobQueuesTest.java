package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.modality.Input;
import ai.djl.modality.Output;
import ai.djl.serving.wlm.util.WlmCapacityException;
import ai.djl.serving.wlm.util.WlmException;
import com.google.gson.JsonParser;
import io.calm.metrics.CalmMetrics;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.http.ServerMetrics;
import io.calm.serving.model.LoadProgress;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.PreparedReply;
import io.calm.serving.reply.ReplySink;
import io.calm.serving.reply.Schema;
import io.calm.testing.ScriptedModels;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A claimed request and DJL Serving's job queue, whose part the test plays. */
@Timeout(60)
class JobQueuesTest {
  private static final String HELLO = "{'inputs': 'say(hello)|'}";
  private static final String ENDLESS =
      "{'inputs': 'slow(x)|', 'stream': true, 'parameters': {'max_new_tokens': 4000}}";

  private final ServedModel model = ScriptedModels.create("scripted");
  private final ModelRegistry served = new ModelRegistry();
  private final CalmMetrics metrics = ServerMetrics.create(served);
  private final TextService text = new TextService(metrics, InstantSource.system());
  private final Queue queue = new Queue();
  private final JobQueues jobs = new JobQueues(queue);
  private final Sink sink = new Sink();

  @AfterEach
  void close() {
    model.close();
  }

  @Test
  void theWorkerStartsTheReplyAndTheSinkGetsTheAnswer() throws Exception {
    start(HELLO);
    assertEquals(0, sink.calls, "nothing before its turn");

    queue.job(0).run();
    queue.result(0).complete(new Output());

    sink.awaitEnd();
    assertEquals(200, sink.status);
    assertEquals("{\"generated_text\":\"hello\"}", sink.body.strip());
  }

  @Test
  void aFullQueueIsTooManyRequests() {
    start(HELLO);
    queue
        .result(0)
        .completeExceptionally(new CompletionException(new WlmCapacityException("exceeded")));

    assertEquals(429, sink.status);
    assertEquals("1", sink.headers.get("Retry-After"));
    assertTrue(sink.body.contains("job_queue_size"), sink.body);
  }

  @Test
  void everyGenerationOfARefusedRequestCounts() {
    served.ready(model);
    start("{'prompt': ['say(a)|', 'say(b)|'], 'n': 4}");
    queue
        .result(0)
        .completeExceptionally(new CompletionException(new WlmCapacityException("exceeded")));
    String counted = metrics.text(CalmMetrics.contentType(""));
    assertTrue(counted.contains("outcome=\"rejected\",} 8.0"), counted);
  }

  /** DJL Serving says that the queue is full before it has started a worker. */
  @Test
  void aModelWhoseWorkersStartIsNotReady() {
    queue.worker = false;
    assertFalse(jobs.isOpen("scripted"));
    start(HELLO);
    queue
        .result(0)
        .completeExceptionally(new CompletionException(new WlmCapacityException("exceeded")));

    assertEquals(503, sink.status);
    assertEquals("5", sink.headers.get("Retry-After"));
    assertTrue(sink.body.contains("model scripted has no worker: it is starting"), sink.body);
  }

  @Test
  void withoutAWorkerTheModelIsNotReady() {
    start(HELLO);
    queue.result(0).completeExceptionally(new WlmException("All model workers has been shutdown"));
    assertEquals(503, sink.status);
    assertEquals("5", sink.headers.get("Retry-After"));
  }

  @Test
  void anythingElseIsABug() {
    start(HELLO);
    queue.result(0).completeExceptionally(new IllegalStateException("internal details"));
    assertEquals(500, sink.status);
    assertFalse(sink.body.contains("internal details"), sink.body);
  }

  @Test
  void aWorkerThatIsLostAfterTheStartChangesNothing() throws Exception {
    start(HELLO);
    queue.job(0).run();
    queue.result(0).completeExceptionally(new WlmException("Worker shutting down"));

    sink.awaitEnd();
    assertEquals(200, sink.status);
    assertEquals(1, sink.calls);
  }

  @Test
  void theFirstTokenSetsTheWorkerFree() throws Exception {
    PreparedReply.Running reply = start(ENDLESS);
    queue.job(0).run(); // returns while the answer goes on
    assertEquals(1, model.scheduler().running());

    reply.cancel();
    sink.awaitEnd();
    assertEquals(200, sink.status);
  }

  @Test
  void aWorkerThatMustEndLeavesTheReplyRunning() throws Exception {
    start(HELLO);
    Thread.currentThread().interrupt();
    assertThrows(InterruptedException.class, () -> queue.job(0).run());
    sink.awaitEnd();
    assertEquals(200, sink.status);
  }

  @Test
  void aClientThatIsGoneLeavesTheQueue() throws Exception {
    PreparedReply.Running reply = start(HELLO);
    assertFalse(queue.job(0).isCancelled());

    reply.cancel();

    assertTrue(queue.job(0).isCancelled(), "DJL Serving's worker skips it");
    queue.job(0).run();
    queue.result(0).complete(new Output());
    assertEquals(0, model.scheduler().running() + model.scheduler().waiting());
    assertEquals(0, sink.calls);
  }

  @Test
  void whatTheSchedulerRefusesIsAnsweredAtOnce() throws Exception {
    start(HELLO);
    model.scheduler().drain();
    queue.job(0).run();
    assertEquals(503, sink.status, sink.body);
  }

  @Test
  void jobsOfAModelThatIsGoneAreRefused() {
    ModelRegistry registry = new ModelRegistry();
    registry.ready(model);
    start(HELLO);
    jobs.refuseOrphans(registry);
    assertEquals(0, sink.calls);

    registry.remove(model.name());
    jobs.refuseOrphans(registry);
    assertEquals(503, sink.status);
  }

  @Test
  void jobsOfAModelThatItsSearchHasReplacedAreAnsweredByTheNewOne() throws Exception {
    ModelRegistry registry = new ModelRegistry();
    LoadProgress search = new LoadProgress();
    registry.ready(registry.loading("scripted", "/scripted"), model, search);
    start(HELLO);

    registry.swap(search, ScriptedModels.create("scripted"), () -> {});
    jobs.refuseOrphans(registry);
    assertEquals(0, sink.calls, "it still waits");

    queue.job(0).run();
    sink.awaitEnd();
    assertEquals(200, sink.status, sink.body);
    registry.close();
  }

  @Test
  void aRequestWhoseTimeoutPassesInTheQueueIsNotStarted() throws Exception {
    ServedModel impatient =
        ScriptedModels.builder("scripted")
            .requestTimeout(Duration.ofMillis(1))
            .nanoClock(() -> 0) // the time in the scheduler does not count here
            .build();
    start(impatient, HELLO);
    Thread.sleep(2);
    queue.job(0).run();

    sink.awaitEnd();
    assertEquals(504, sink.status, sink.body);
    assertTrue(sink.body.contains("timed out"), sink.body);
    impatient.close();
  }

  @Test
  void theSchedulerHasWhatTheQueueLeavesOfTheTimeout() throws Exception {
    AtomicLong clock = new AtomicLong();
    ServedModel patient =
        ScriptedModels.builder("scripted")
            .requestTimeout(Duration.ofHours(1))
            .nanoClock(clock::get)
            .build();
    start(patient, ENDLESS.replace("true", "false"));
    Thread.sleep(2);
    queue.job(0).run();
    clock.set(Duration.ofHours(1).toNanos() - 1_000_000);

    sink.awaitEnd();
    assertEquals(504, sink.status, sink.body);
    patient.close();
  }

  @Test
  void laterJobsComeLater() {
    for (int i = 0; i < 12; i++) {
      start(HELLO);
    }
    List<Integer> priorities =
        queue.jobs.stream().map(job -> Integer.valueOf(job.getProperty("x-priority", ""))).toList();
    assertEquals(priorities.stream().sorted().distinct().toList(), priorities);
  }

  private PreparedReply.Running start(String body) {
    return start(model, body);
  }

  private PreparedReply.Running start(ServedModel served, String body) {
    return jobs.start(
        text.prepare(
            served,
            Schema.DJL,
            JsonParser.parseString(body.replace('\'', '"')).getAsJsonObject(),
            ""),
        sink);
  }

  /** A job queue whose worker is the test. */
  private static final class Queue implements DjlServer {
    private final List<Input> jobs = new ArrayList<>();
    private final List<CompletableFuture<Output>> results = new ArrayList<>();
    private boolean worker = true;

    ClaimedJob job(int index) {
      return (ClaimedJob) jobs.get(index);
    }

    CompletableFuture<Output> result(int index) {
      return results.get(index);
    }

    @Override
    public CompletableFuture<Output> run(String name, Input job) {
      jobs.add(job);
      results.add(new CompletableFuture<>());
      return results.get(results.size() - 1);
    }

    @Override
    public Set<String> names() {
      return Set.of("scripted");
    }

    @Override
    public Optional<String> startup() {
      return Optional.empty();
    }

    @Override
    public List<String> versions(String name) {
      return List.of(name);
    }

    @Override
    public Optional<String> next(String name) {
      return Optional.of(name);
    }

    @Override
    public boolean hasStartedWorkers(String model) {
      return worker;
    }

    @Override
    public boolean hasWorker(String model) {
      return worker;
    }

    @Override
    public int throttleStatus() {
      return 503;
    }
  }

  /** Keeps what a client would get. */
  private static final class Sink implements ReplySink {
    private final CountDownLatch end = new CountDownLatch(1);
    private volatile int calls;
    private volatile int status;
    private volatile Map<String, String> headers = Map.of();
    private volatile String body = "";

    void awaitEnd() throws InterruptedException {
      assertTrue(end.await(30, TimeUnit.SECONDS), "the answer does not end");
    }

    @Override
    public synchronized void full(
        int code, String contentType, Map<String, String> more, byte[] bytes) {
      calls++;
      status = code;
      headers = more;
      body = new String(bytes, StandardCharsets.UTF_8);
      end.countDown();
    }

    @Override
    public synchronized void begin(String contentType, Map<String, String> headers) {
      calls++;
      status = 200;
    }

    @Override
    public void write(byte[] bytes) {}

    @Override
    public void end() {
      end.countDown();
    }
  }
}
