"""AWS event-stream frames made by AWS's own encoder for JavaScript, @smithy/eventstream-codec 4.5.2 (npm).

They need no Node in the tests. Made so, in an empty folder:

    npm install --ignore-scripts @smithy/eventstream-codec@4.5.2 @smithy/util-utf8
    cat > make.mjs <<'EOF'
    import { EventStreamCodec } from "@smithy/eventstream-codec";
    import { fromUtf8, toUtf8 } from "@smithy/util-utf8";
    const codec = new EventStreamCodec(toUtf8, fromUtf8);
    const s = (value) => ({ type: "string", value });
    const event = (type, body) => ({ headers: { ":message-type": s("event"), ":event-type": s(type), ":content-type": s("application/json") }, body: fromUtf8(JSON.stringify(body)) });
    const frames = {
      "a whole Converse answer": [
        event("messageStart", { p: "abc", role: "assistant" }),
        event("contentBlockDelta", { contentBlockIndex: 0, delta: { reasoningContent: { text: "Hm." } }, p: "ab" }),
        event("contentBlockStop", { contentBlockIndex: 0 }),
        event("contentBlockDelta", { contentBlockIndex: 1, delta: { text: "Grüß 👋" }, p: "abcd" }),
        event("contentBlockStop", { contentBlockIndex: 1 }),
        event("messageStop", { stopReason: "end_turn" }),
        event("metadata", { metrics: { latencyMs: 9 }, usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 } }),
      ],
      "an exception": [{ headers: { ":message-type": s("exception"), ":exception-type": s("throttlingException"), ":content-type": s("application/json") }, body: fromUtf8('{"message":"Too many tokens"}') }],
      "an error": [{ headers: { ":message-type": s("error"), ":error-code": s("InternalError"), ":error-message": s("An internal server error occurred") }, body: new Uint8Array() }],
      "a header of each type": [{ headers: { yes: { type: "boolean", value: true }, no: { type: "boolean", value: false }, byte: { type: "byte", value: -5 }, short: { type: "short", value: -300 }, int: { type: "integer", value: 70000 }, binary: { type: "binary", value: fromUtf8("bin") }, text: s("ä"), uuid: { type: "uuid", value: "01234567-89ab-cdef-0123-456789abcdef" }, time: { type: "timestamp", value: new Date(1790000000000) } }, body: fromUtf8("payload") }],
    };
    for (const [name, list] of Object.entries(frames)) console.log(JSON.stringify([name, Buffer.concat(list.map((m) => Buffer.from(codec.encode(m)))).toString("hex")]));
    EOF
    node make.mjs
"""

from __future__ import annotations

FRAMES: dict[str, bytes] = {
    "a whole Converse answer": bytes.fromhex(
        "000000800000005251a15f230d3a6d6573736167652d747970650700056576656e740b3a6576656e742d747970650700"
        "0c6d65737361676553746172740d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b22"
        "70223a22616263222c22726f6c65223a22617373697374616e74227d914e9fd2000000b300000057c74a69fa0d3a6d65"
        "73736167652d747970650700056576656e740b3a6576656e742d74797065070011636f6e74656e74426c6f636b44656c"
        "74610d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b22636f6e74656e74426c6f63"
        "6b496e646578223a302c2264656c7461223a7b22726561736f6e696e67436f6e74656e74223a7b2274657874223a2248"
        "6d2e227d7d2c2270223a226162227d113ed5670000007d00000056e6680fd60d3a6d6573736167652d74797065070005"
        "6576656e740b3a6576656e742d74797065070010636f6e74656e74426c6f636b53746f700d3a636f6e74656e742d7479"
        "70650700106170706c69636174696f6e2f6a736f6e7b22636f6e74656e74426c6f636b496e646578223a307d587eaac2"
        "000000a800000057d07acf690d3a6d6573736167652d747970650700056576656e740b3a6576656e742d747970650700"
        "11636f6e74656e74426c6f636b44656c74610d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a"
        "736f6e7b22636f6e74656e74426c6f636b496e646578223a312c2264656c7461223a7b2274657874223a224772c3bcc3"
        "9f20f09f918b227d2c2270223a2261626364227dc3dcd7010000007d00000056e6680fd60d3a6d6573736167652d7479"
        "70650700056576656e740b3a6576656e742d74797065070010636f6e74656e74426c6f636b53746f700d3a636f6e7465"
        "6e742d747970650700106170706c69636174696f6e2f6a736f6e7b22636f6e74656e74426c6f636b496e646578223a31"
        "7d41659b830000007a00000051ca2c46650d3a6d6573736167652d747970650700056576656e740b3a6576656e742d74"
        "79706507000b6d65737361676553746f700d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a73"
        "6f6e7b2273746f70526561736f6e223a22656e645f7475726e227d3dc33bfa000000b40000004e11011d2a0d3a6d6573"
        "736167652d747970650700056576656e740b3a6576656e742d747970650700086d657461646174610d3a636f6e74656e"
        "742d747970650700106170706c69636174696f6e2f6a736f6e7b226d657472696373223a7b226c6174656e63794d7322"
        "3a397d2c227573616765223a7b22696e707574546f6b656e73223a332c226f7574707574546f6b656e73223a322c2274"
        "6f74616c546f6b656e73223a357d7d70e89288"
    ),
    "an exception": bytes.fromhex(
        "0000008e00000061514180540d3a6d6573736167652d74797065070009657863657074696f6e0f3a657863657074696f"
        "6e2d747970650700137468726f74746c696e67457863657074696f6e0d3a636f6e74656e742d74797065070010617070"
        "6c69636174696f6e2f6a736f6e7b226d657373616765223a22546f6f206d616e7920746f6b656e73227d0b14bfe6"
    ),
    "an error": bytes.fromhex(
        "000000750000006569c825010d3a6d6573736167652d747970650700056572726f720b3a6572726f722d636f64650700"
        "0d496e7465726e616c4572726f720e3a6572726f722d6d657373616765070021416e20696e7465726e616c2073657276"
        "6572206572726f72206f6363757272656444197ec0"
    ),
    "a header of each type": bytes.fromhex(
        "000000740000005d7caab42f0379657300026e6f01046279746502fb0573686f727403fed403696e7404000111700662"
        "696e61727906000362696e0474657874070002c3a40475756964090123456789abcdef0123456789abcdef0474696d65"
        "08000001a0c4506c007061796c6f61641cdbb10a"
    ),
}
"""The frames of each case, one after the other."""
