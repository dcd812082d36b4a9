import "../../theme/theme.css";
import { lazy, Suspense } from "react";
import { Skeleton } from "../../component/Skeleton";
import { mount } from "../mount";
import { Spoken } from "../Spoken";
import { LoginPage } from "./LoginPage";

// Only who asks for it loads it.
const ResendPage = lazy(() => import("./resend/ResendPage"));
const resend = new URLSearchParams(location.search).get("demo") === "resend";

mount(
  <Spoken title={resend ? "entry.title" : "login.page"}>
    {resend ? (
      <Suspense fallback={<Skeleton lines={3} />}>
        <ResendPage />
      </Suspense>
    ) : (
      <LoginPage />
    )}
  </Spoken>,
);
