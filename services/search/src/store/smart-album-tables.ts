/** Tables behind smart albums. */
export interface SmartAlbumTables {
  /** Searches kept under a name. */
  smart_albums: {
    id: string;
    owner_id: string;
    name: string;
    query: string;
    /** `ocelli.search.v1.SearchFilter`, encoded; empty for none. */
    filter: Buffer;
    /** The caller's id of the request that made it. */
    request_id: string | null;
    created_at: Date;
    updated_at: Date;
  };
}
