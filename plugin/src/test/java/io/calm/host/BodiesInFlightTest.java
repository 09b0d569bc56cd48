package io.calm.host;

import static io.calm.testing.HttpClients.post;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.serving.reply.ByteBudget;
import io.calm.testing.NettyLeaks;
import java.net.http.HttpResponse;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The budget of bodies, received and parsed, over whole requests. */
@ExtendWith(NettyLeaks.Check.class)
class BodiesInFlightTest {
  private static final String PLAIN = "{\"prompt\":\"abc|\",\"max_tokens\":2}";

  private TestHost host = TestHost.closed();

  @BeforeEach
  void start() throws Exception {
    host = TestHost.start();
    host.serve("m");
  }

  @AfterEach
  void stop() {
    host.close();
  }

  private HttpResponse<byte[]> ask(String body) throws Exception {
    return post(host.url() + "/v1/completions", body);
  }

  @Test
  void theBudgetHoldsSeveralOfTheLargestBodiesWithTheirValues() {
    assertTrue(host.bodies().max() >= 4L * HostSettings.DEFAULT_MAX_BODY_BYTES + (32 << 20));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"prompt\":\"abc\",\"max_tokens\":2} | 1 | 200",
        "{\"prompt\":\"abc\",\"max_tokens\":-1,\"x\":[%s0]} | 50000 | 400",
        "{\"prompt\":\"abc\",\"x\":[%s0]} | 100001 | 400",
        "{\"prompt\":[%s0]} | 100000 | 400",
        "{\"prompt\":[%s0]} | 1048576 | 400",
        "{\"prompt\":[%s0 | 100000 | 400",
      })
  void whateverTheAnswerAllIsGivenBack(String body, int values, int status) throws Exception {
    HttpResponse<byte[]> answer = ask(body.replace("%s", "0,".repeat(values)));
    assertEquals(status, answer.statusCode(), text(answer));
    ByteBudget bodies = host.bodies();
    assertTrue(bodies.take(bodies.max()), "all of the budget is free");
    bodies.give(bodies.max());
  }

  @Test
  void aSpentBudgetIs429UntilItIsFree() throws Exception {
    ByteBudget bodies = host.bodies();
    long large = bodies.max() / 2;
    assertTrue(bodies.take(large));
    HttpResponse<byte[]> refused = ask("{\"prompt\":\"" + "a".repeat(100_000) + "\"}");
    assertEquals(429, refused.statusCode(), text(refused));
    assertTrue(
        text(refused)
            .contains(
                "body: expected at most %d bytes in the bodies of all requests in flight, got more"
                    .formatted(large)),
        text(refused));
    assertEquals(200, ask(PLAIN).statusCode(), "small bodies may take more");
    long rest = bodies.max() - large;
    assertTrue(bodies.take(rest));
    assertEquals(429, ask(PLAIN).statusCode());
    bodies.give(bodies.max());
    assertEquals(200, ask(PLAIN).statusCode());
  }
}
