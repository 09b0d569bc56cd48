package io.calm.loadtest.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.ConnectException;
import java.nio.channels.UnresolvedAddressException;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;

/** Streams as servers send them, whole and not. */
class AnswerReaderTest {
  private static final Ask ASK = new Ask("p", 2, false);
  private static final String A = "data: {\"choices\":[{\"text\":\" a\",\"finish_reason\":null}]}";
  private static final String B = "data: {\"choices\":[{\"text\":\" b\",\"finish_reason\":null}]}";
  private static final String END =
      "data: {\"choices\":[{\"text\":\"\",\"finish_reason\":\"length\"}]}";
  private static final String USAGE =
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}";
  private static final String DONE = "data: [DONE]";

  private static Answer read(Schema schema, int status, OptionalInt hangUp, List<String> lines) {
    AnswerReader reader = new AnswerReader(ASK, schema.dialect(), hangUp);
    reader.status(status);
    lines.forEach(reader::onNext);
    reader.onComplete();
    return reader.whole().join();
  }

  private static Answer openAi(String... lines) {
    return read(Schema.OPENAI, 200, OptionalInt.empty(), List.of(lines));
  }

  private static void assertBroken(String part, Answer answer) {
    assertTrue(
        answer.end() instanceof Answer.End.Broken broken && broken.why().contains(part),
        part + " is not in " + answer.end());
  }

  @Test
  void aFailedConnectionHasItsReason() {
    ConnectException unknown = new ConnectException();
    unknown.initCause(new ConnectException().initCause(new UnresolvedAddressException()));
    assertEquals("unknown host", reason(unknown));
    assertEquals("connection refused", reason(new ConnectException()));
    assertEquals("No route to host", reason(new ConnectException("No route to host")));
  }

  private static String reason(ConnectException failure) {
    AnswerReader reader = new AnswerReader(ASK, Schema.OPENAI.dialect(), OptionalInt.empty());
    reader.broken(new CompletionException(failure));
    return ((Answer.End.Broken) reader.whole().join().end()).why();
  }

  @Test
  void aWholeStreamOfEvents() {
    Answer answer = openAi(A, "", B, "", END, "", USAGE, "", DONE, "");
    assertEquals(new Answer.End.Complete(), answer.end());
    assertEquals(" a b", answer.text());
    assertEquals(2, answer.arrivals().size());
    assertEquals(answer.arrivals().get(0), answer.first().getAsLong());
    assertEquals(OptionalInt.of(2), answer.tokens());
  }

  @Test
  void twoTokensInOneEventWeighTwo() {
    Answer answer = openAi(A, END, USAGE, DONE);
    assertEquals(new Answer.End.Complete(), answer.end());
    assertEquals(2, answer.weight());
  }

  @Test
  void aStreamThatLacksItsEndIsBroken() {
    assertBroken("[DONE]", openAi(A, B, END, USAGE));
    assertBroken("finish_reason", openAi(A, B, USAGE, DONE));
    assertBroken("finish_reason", openAi(A, B, END, DONE));
  }

  @Test
  void aWrongNumberOfTokensIsBroken() {
    String one = USAGE.replace("\"completion_tokens\":2", "\"completion_tokens\":1");
    assertBroken("expected 2 tokens, got 1", openAi(A, END, one, DONE));
    assertBroken("came in 3 events", openAi(A, A, A, END, USAGE, DONE));
    Answer stopped = openAi(A, END.replace("length", "stop"), one, DONE);
    assertEquals(new Answer.End.Complete(), stopped.end());
  }

  @Test
  void anErrorInMidStreamIsSaid() {
    assertBroken(
        "engine", openAi(A, "data: {\"error\":{\"message\":\"the engine failed\"}}", DONE));
  }

  @Test
  void aRefusalIsSaidWithItsStatus() {
    Answer answer =
        read(Schema.OPENAI, 429, OptionalInt.empty(), List.of("{\"error\":\"queue full\"}"));
    assertBroken("status 429", answer);
    assertBroken("queue full", answer);
  }

  @Test
  void aClientThatHangsUpKeepsWhatItHas() {
    Answer answer = read(Schema.OPENAI, 200, OptionalInt.of(1), List.of(A, B, END, USAGE, DONE));
    assertEquals(new Answer.End.HungUp(), answer.end());
    assertEquals(" a", answer.text());
  }

  @Test
  void chatsRoleIsNotTheFirstToken() {
    AnswerReader reader = new AnswerReader(ASK, Schema.CHAT.dialect(), OptionalInt.empty());
    reader.status(200);
    reader.onNext("data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}");
    long before = System.nanoTime();
    reader.onNext("data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}");
    reader.end(new Answer.End.HungUp());
    Answer answer = reader.whole().join();
    assertTrue(answer.first().getAsLong() - before >= 0);
    assertEquals("Hi", answer.text());
  }

  @Test
  void linesOfDjlHaveOneTokenEach() {
    String a = "{\"index\":0,\"token\":{\"id\":1,\"text\":\"\"},\"generated_text\":null}";
    String b =
        "{\"index\":0,\"token\":{\"id\":2,\"text\":\"hé\"},\"generated_text\":\"hé\",\"details\":"
            + "{\"finish_reason\":\"length\",\"generated_tokens\":2,\"input_length\":5}}";
    Answer answer = read(Schema.DJL, 200, OptionalInt.empty(), List.of(a, b));
    assertEquals(new Answer.End.Complete(), answer.end());
    assertEquals(2, answer.arrivals().size());
    assertBroken("in 1 events", read(Schema.DJL, 200, OptionalInt.empty(), List.of(b)));
    assertBroken(
        "not the text",
        read(
            Schema.DJL,
            200,
            OptionalInt.empty(),
            List.of(a, b.replace("\"generated_text\":\"hé\"", "\"generated_text\":\"he\""))));
  }

  @Test
  void aModelWithASlashIsOneSegmentOfDjlsPath() {
    assertEquals("/invocations", Schema.DJL.dialect().path(""));
    assertEquals("/predictions/smollm2", Schema.DJL.dialect().path("smollm2"));
    assertEquals("/predictions/org%2Fa%20b", Schema.DJL.dialect().path("org/a b"));
  }
}
