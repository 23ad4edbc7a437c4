const uuid = "01890000-0000-7000-8000-000000000000";
const many = (count: number) => Array.from({ length: count }, () => crypto.randomUUID());
const names = ["x".repeat(101), "a\0b", "a\u0007b", "a\nb", "\ud800"];

/**
 * Requests about persons and faces that must be refused: method, path and body. `PERSON` stands for the path of a person of
 * the caller's, `PERSON ID` for its id, `FACE` for the id of a face.
 */
export const hostilePeopleRequests: ReadonlyArray<[string, string, unknown]> = [
  ...names.map((name): [string, string, unknown] => ["PATCH", "PERSON", { name }]),
  ...names.map((name): [string, string, unknown] => ["POST", "/people", { faceIds: ["FACE"], name }]),
  ["PATCH", "PERSON", {}],
  ["PATCH", "PERSON", { name: 7 }],
  ["PATCH", "PERSON", { birthDate: "2001-02-30" }],
  ["PATCH", "PERSON", { birthDate: "9999-01-01" }],
  ["PATCH", "PERSON", { birthDate: "0000-00-00" }],
  ["PATCH", "PERSON", { coverFaceId: uuid }],
  ["PATCH", "PERSON", { id: uuid, name: "x" }],
  ["PATCH", "PERSON", { faceCount: 7 }],
  ["POST", "/people", { faceIds: [] }],
  ["POST", "/people", { faceIds: [uuid] }],
  ["POST", "/people", { faceIds: many(200) }],
  ["POST", "/people", { faceIds: many(201) }],
  ["POST", "/people", { faceIds: ["FACE"], requestId: "x" }],
  ["POST", "/faces/assign", { faceIds: many(201), personId: null }],
  ["POST", "/faces/assign", { faceIds: [uuid, "FACE"], personId: null }],
  ["POST", "/faces/assign", { faceIds: ["FACE"], personId: uuid }],
  ["POST", "/faces/assign", { faceIds: ["FACE"], personId: "" }],
  ["PATCH", `/faces/${uuid}`, { personId: null }],
  ["PATCH", "/faces/nonsense", { personId: null }],
  ["POST", `/faces/${uuid}/reject`, { personId: uuid }],
  ["DELETE", `/faces/${uuid}/reject/${uuid}`, undefined],
  ["POST", "PERSON/merge", { personIds: [] }],
  ["POST", "PERSON/merge", { personIds: [uuid] }],
  ["POST", "PERSON/merge", { personIds: ["PERSON ID"] }],
  ["POST", "PERSON/merge", { personIds: many(51) }],
  ["POST", `/people/${uuid}/merge`, { personIds: ["PERSON ID"] }],
  ["POST", `/merges/${uuid}/undo`, undefined],
  ["POST", "/people/suggestions", { personId: "PERSON ID", otherId: "PERSON ID", same: true }],
  ["POST", "/people/suggestions", { personId: "PERSON ID", otherId: "PERSON ID", same: false }],
  ["POST", "/people/suggestions", { personId: uuid, otherId: uuid.replace("8", "9"), same: true }],
  ["PATCH", "/people/settings", { enabled: "false" }],
  ["PATCH", "/people/settings", {}],
  ["DELETE", "PERSON?erase=1", undefined],
  ["GET", "/people?order=random", undefined],
  ["GET", `/people?q=${"x".repeat(101)}`, undefined],
  ["GET", "/people?q=%00", undefined],
  ["GET", "/people/'%20or%201=1--", undefined],
  ["GET", "/faces/..%2f..%2fetc%2fpasswd/crop", undefined],
  ["DELETE", "/people", undefined],
];
