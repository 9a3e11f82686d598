import { createServer } from "node:tls";
import { Aedes } from "aedes";

/** aedes alone behind the same TLS: no rules, no storage. What our ingest is compared with. */
process.once("message", (tls: { key: string; cert: string; ca: string }) => {
  void (async () => {
    const broker = await Aedes.createBroker();
    const server = createServer(
      { ...tls, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" },
      (socket) => {
        broker.handle(socket);
      },
    );
    server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as { port: number }).port }));
  })();
});
